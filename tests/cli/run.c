/* Starting the program from a test: fork and exec of a shell, streams into buffers. */
#define _GNU_SOURCE
#include "run.h"

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static char program[4096];

void run_folder_enter(void)
{
    const char *binary = getenv("CLGRAD_TEST_BINARY");
    ck_assert_msg(binary, "CLGRAD_TEST_BINARY, the build folder, is not set");
    snprintf(program, sizeof program, "%s/clgrad", binary);
    ck_assert_msg(access(program, X_OK) == 0, "%s is not there", program);
    ck_assert_int_eq(chdir(harness_folder()), 0);
}

static void redirect(int from, int to)
{
    if (from < 0)
        from = open("/dev/null", O_RDWR);
    dup2(from, to);
    if (from > 2)
        close(from);
}

pid_t run_start(const char *environment, const char *arguments, int in, int out, int err)
{
    char command[8192];
    snprintf(command, sizeof command, "exec env %s '%s' %s", environment, program, arguments);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid > 0)
        return pid;
    setsid(); /* signals of the terminal that the test runs in do not reach it */
    redirect(in, 0);
    redirect(out, 1);
    redirect(err, 2);
    signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

int run_wait(pid_t pid)
{
    int status = 0;
    for (int i = 0; i < 6000; i++) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    ck_abort_msg("the program did not end within a minute");
    return -1;
}

/* Appends what fd has to text (size bytes, *length used); 0 at its end. */
static int drain(int fd, char *text, size_t size, size_t *length)
{
    char buffer[4096];
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    size_t room = size - 1 - *length, take = (size_t)got < room ? (size_t)got : room;
    memcpy(text + *length, buffer, take);
    *length += take;
    text[*length] = '\0';
    return 1;
}

void run_clgrad(struct run *run, const char *environment, const char *arguments)
{
    int out[2], err[2];
    size_t out_length = 0, err_length = 0;
    run->out[0] = run->err[0] = '\0';
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    pid_t pid = run_start(environment, arguments, -1, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    struct pollfd streams[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        if (poll(streams, 2, 60000) <= 0)
            break;
        if (streams[0].revents && !drain(out[0], run->out, sizeof run->out, &out_length))
            streams[0].fd = -1;
        if (streams[1].revents && !drain(err[0], run->err, sizeof run->err, &err_length))
            streams[1].fd = -1;
    }
    close(out[0]);
    close(err[0]);
    run->code = run_wait(pid);
}

int run_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static uLong snapshot;
static const char *left_out;

static int visit(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    size_t size = 0;
    (void)status;
    (void)walk;
    if (left_out && strncmp(path + 2, left_out, strlen(left_out)) == 0)
        return 0;
    uLong one = crc32(0, (const Bytef *)path, (uInt)strlen(path));
    if (kind == FTW_F) {
        char *data = run_read(path, &size);
        one = crc32(one, (const Bytef *)data, (uInt)size);
        free(data);
    }
    snapshot += one; /* a sum: the order of a walk is not fixed */
    return 0;
}

uint32_t run_snapshot(const char *except)
{
    snapshot = 0;
    left_out = except;
    ck_assert_int_eq(nftw(".", visit, 16, FTW_PHYS), 0);
    return (uint32_t)snapshot;
}

int run_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void run_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void run_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_msg(file, "%s: %s", path, strerror(errno));
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

void run_write_text(const char *path, const char *text)
{
    run_write(path, text, strlen(text));
}

char *run_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file, "%s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    ck_assert_int_ge(length, 0);
    rewind(file);
    char *data = malloc((size_t)length + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(fread(data, 1, (size_t)length, file), (size_t)length);
    data[length] = '\0';
    fclose(file);
    if (size)
        *size = (size_t)length;
    return data;
}

void run_write_idx(const char *path, const uint32_t *sizes, int dims, long more)
{
    unsigned char data[4096] = {0, 0, 8, (unsigned char)dims};
    size_t count = 1, at = 4;
    for (int i = 0; i < dims; i++) {
        count *= sizes[i];
        for (int shift = 24; shift >= 0; shift -= 8)
            data[at++] = (unsigned char)(sizes[i] >> shift);
    }
    /* a size beyond the buffer is one that lies: a few bytes stand for it */
    if (count > 2048)
        count = 64;
    for (size_t i = 0; i < count; i++)
        data[at + i] = (unsigned char)(dims == 1 ? i % 2 : i * 37);
    run_write(path, data, (size_t)((long)(at + count) + more));
}

void run_write_npy(const char *path, const char *descr, const char *shape, const void *data,
                   size_t size)
{
    char file[8192];
    int length = snprintf(file + 10, sizeof file - 10,
                          "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    int padded = (length + 1 + 10 + 63) / 64 * 64 - 10;
    memset(file + 10 + length, ' ', (size_t)(padded - length));
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (char)(padded & 255);
    file[9] = (char)(padded >> 8);
    file[10 + padded - 1] = '\n';
    memcpy(file + 10 + padded, data, size);
    run_write(path, file, (size_t)(10 + padded) + size);
}
