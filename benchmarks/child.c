/* The program that is supervised: notes its own start, then sleeps until a signal ends it.
 *
 *     child RECORDS INDEX
 *
 * One start is one record of 16 bytes, appended to RECORDS by one write, so records of a thousand children never mix.
 * It does no more than that: the supervisor is to be measured, not its child.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct record {
    int64_t monotonic_ns;
    int32_t pid;
    int32_t index;
};

int main(int argc, char **argv) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc != 3)
        return 2;
    int file = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0)
        return 3;
    struct record record = {now.tv_sec * INT64_C(1000000000) + now.tv_nsec, getpid(), atoi(argv[2])};
    if (write(file, &record, sizeof record) != sizeof record)
        return 4;
    close(file);
    for (;;)
        pause();
}
