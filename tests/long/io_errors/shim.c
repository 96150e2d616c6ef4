/* Calls of the C library that change files below one folder: recorded, and made to fail at will.
 *
 * Loaded before it with LD_PRELOAD; see shim.py, which compiles it and sets the variables:
 *
 *     SHIM_FOLDER   only what lies below it counts; an absolute path
 *     SHIM_LOG      each call is appended here, a line "name path" (rename: "name from to")
 *     SHIM_FAIL     "name:n:errno": the n-th call of that name fails; "name:n+:errno": the rest too
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The path that a descriptor was opened with; 0 if it has none. */
static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0 || path[0] != '/') return 0;
    path[length] = 0;
    return 1;
}

/* A name as it was given, made absolute. */
static int path_at(int folder, const char *name, char *path) {
    char base[PATH_MAX];
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return 1;
    }
    if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(folder, base)) return 0;
    size_t length = strlen(base);
    if (length + strlen(name) + 2 > PATH_MAX) return 0;
    memcpy(path, base, length);
    path[length] = '/';
    strcpy(path + length + 1, name);
    return 1;
}

static int counts(const char *path) {
    const char *folder = getenv("SHIM_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* Record a call; the errno that it has to fail with, or 0. */
static int meet(const char *name, const char *path, const char *target) {
    static long number;
    char line[2 * PATH_MAX + 32], kind[16], more = 0;
    int error = 0, fail = 0;
    long first = 0;
    if (!counts(path) && !(target && counts(target))) return 0;
    pthread_mutex_lock(&lock);
    const char *order = getenv("SHIM_FAIL"), *log = getenv("SHIM_LOG");
    if (order && (sscanf(order, "%15[a-z]:%ld:%d", kind, &first, &error) == 3 ||
                  (sscanf(order, "%15[a-z]:%ld%c:%d", kind, &first, &more, &error) == 4)) &&
        !strcmp(kind, name)) {
        number += 1;
        fail = number == first || (more == '+' && number > first);
    }
    if (log) {
        int length = snprintf(line, sizeof line, "%s%s\t%s%s%s\n", fail ? "failed " : "", name,
                              path, target ? "\t" : "", target ? target : "");
        int file = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600);
        syscall(SYS_write, file, line, (size_t)length);
        syscall(SYS_close, file);
    }
    pthread_mutex_unlock(&lock);
    return fail ? error : 0;
}

static int refused(const char *name, const char *path, const char *target) {
    int error = meet(name, path, target);
    if (error) errno = error;
    return error;
}

static int refused_descriptor(const char *name, int descriptor) {
    char path[PATH_MAX];
    return path_of(descriptor, path) && refused(name, path, NULL);
}

static int refused_name(const char *name, int folder, const char *file) {
    char path[PATH_MAX];
    return path_at(folder, file, path) && refused(name, path, NULL);
}

static int refused_names(int from, const char *old, int to, const char *new) {
    char path[PATH_MAX], target[PATH_MAX];
    return path_at(from, old, path) && path_at(to, new, target) && refused("rename", path, target);
}

#define MODE                                                     \
    mode_t mode = 0;                                             \
    if (flags & (O_CREAT | O_TMPFILE)) {                         \
        va_list rest;                                            \
        va_start(rest, flags);                                   \
        mode = va_arg(rest, mode_t);                             \
        va_end(rest);                                            \
    }

int open(const char *name, int flags, ...) {
    MODE return refused_name("open", AT_FDCWD, name) ? -1 : REAL(open)(name, flags, mode);
}
int open64(const char *name, int flags, ...) {
    MODE return refused_name("open", AT_FDCWD, name) ? -1 : REAL(open64)(name, flags, mode);
}
int openat(int folder, const char *name, int flags, ...) {
    MODE return refused_name("open", folder, name) ? -1 : REAL(openat)(folder, name, flags, mode);
}
int openat64(int folder, const char *name, int flags, ...) {
    MODE return refused_name("open", folder, name) ? -1 : REAL(openat64)(folder, name, flags, mode);
}
ssize_t write(int file, const void *bytes, size_t size) {
    return refused_descriptor("write", file) ? -1 : REAL(write)(file, bytes, size);
}
ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t place) {
    return refused_descriptor("write", file) ? -1 : REAL(pwrite64)(file, bytes, size, place);
}
int fsync(int file) { return refused_descriptor("fsync", file) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return refused_descriptor("fsync", file) ? -1 : REAL(fdatasync)(file); }
int close(int file) { /* closed all the same, as Linux does it */
    int saved = refused_descriptor("close", file) ? errno : 0, result = REAL(close)(file);
    if (!saved) return result;
    errno = saved;
    return -1;
}
int rename(const char *old, const char *new) {
    return refused_names(AT_FDCWD, old, AT_FDCWD, new) ? -1 : REAL(rename)(old, new);
}
int renameat(int from, const char *old, int to, const char *new) {
    return refused_names(from, old, to, new) ? -1 : REAL(renameat)(from, old, to, new);
}
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    return refused_names(from, old, to, new) ? -1 : REAL(renameat2)(from, old, to, new, flags);
}
int truncate64(const char *name, off64_t size) {
    return refused_name("truncate", AT_FDCWD, name) ? -1 : REAL(truncate64)(name, size);
}
int ftruncate64(int file, off64_t size) {
    return refused_descriptor("truncate", file) ? -1 : REAL(ftruncate64)(file, size);
}
int mkdir(const char *name, mode_t mode) {
    return refused_name("mkdir", AT_FDCWD, name) ? -1 : REAL(mkdir)(name, mode);
}
int mkdirat(int folder, const char *name, mode_t mode) {
    return refused_name("mkdir", folder, name) ? -1 : REAL(mkdirat)(folder, name, mode);
}
