/* The yardstick: the least that anything must do that starts N programs and keeps them running.
 *
 *     cloop CHILD RECORDS N [pipes]
 *
 * posix_spawn with a session, a signal mask and signal handlers of its own for each child; wait; start again, at once,
 * whatever ended. On SIGTERM: TERM to all, wait for all, exit. No back-off, no logs, no configuration, no way to ask.
 *
 * With `pipes`, each child gets a pipe for its stdout and one for its stderr, kept open and never read: what any
 * supervisor that carries logs has to pay besides.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_PIDS (1 << 22) /* Linux's own limit; untouched pages of the table cost nothing */

extern char **environ;

static int index_of[MOST_PIDS]; /* 1 + index; 0 where no child of ours lives */
static pid_t *pid_of;
static int (*pipes_of)[2];
static char *child, *records;
static posix_spawnattr_t attributes;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void set_up_attributes(void) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static void set_up_pipes(int count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    pipes_of = calloc(count, sizeof *pipes_of);
    if (!pipes_of)
        fail("cloop: cannot allocate");
}

static void start(int index, posix_spawn_file_actions_t *actions) {
    char text[16];
    snprintf(text, sizeof text, "%d", index);
    char *arguments[] = {child, records, text, NULL};
    pid_t pid;
    int error = posix_spawn(&pid, child, actions, &attributes, arguments, environ);
    if (error) {
        fprintf(stderr, "cloop: cannot start \"%s\": %s\n", child, strerror(error));
        exit(1);
    }
    pid_of[index] = pid;
    index_of[pid] = index + 1;
}

static void start_with_pipes(int index) {
    int ends[2][2];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (int stream = 0; stream < 2; stream++) {
        if (pipes_of[index][stream])
            close(pipes_of[index][stream]);
        if (pipe2(ends[stream], O_CLOEXEC))
            fail("cloop: cannot make a pipe");
        posix_spawn_file_actions_adddup2(&actions, ends[stream][1], 1 + stream);
        pipes_of[index][stream] = ends[stream][0];
    }
    start(index, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0][1]);
    close(ends[1][1]);
}

static void start_any(int index) {
    if (pipes_of)
        start_with_pipes(index);
    else
        start(index, NULL);
}

int main(int argc, char **argv) {
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: cloop CHILD RECORDS N [pipes]\n");
        return 2;
    }
    child = argv[1];
    records = argv[2];
    int count = atoi(argv[3]), living = count, stopping = 0;
    pid_of = calloc(count, sizeof *pid_of);
    if (!pid_of)
        fail("cloop: cannot allocate");
    if (argc == 5)
        set_up_pipes(count);
    set_up_attributes();

    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    for (int index = 0; index < count; index++)
        start_any(index);

    while (!stopping || living) {
        if (sigwaitinfo(&awaited, NULL) == SIGTERM && !stopping) { /* none was reaped for good yet: each pid is ours */
            stopping = 1;
            for (int index = 0; index < count; index++)
                kill(pid_of[index], SIGTERM);
        }
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
            int index = index_of[pid] - 1;
            index_of[pid] = 0;
            if (stopping)
                living--;
            else
                start_any(index);
        }
    }
    return 0;
}
