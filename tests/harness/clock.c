/* Preloaded: the clocks of a process are ahead of the machine's, by as much as a file says at the
 * moment.
 *
 * TEST_CLOCK names the file: two numbers of 64 bits, by how many seconds the wall clock and the
 * monotonic clock are ahead. It is mapped at the start, before the process gives anything up. Where
 * a moment to wait for is given to the C library or the kernel, it is turned back to the machine's
 * clock; a wait that is under way when the file changes ends in time, for each is looked after five
 * times a second. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

static const int64_t kNone[2];
static const volatile int64_t* ahead = kNone;

__attribute__((constructor)) static void map_file(void) {
  const char* path = getenv("TEST_CLOCK");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void* at = mmap(NULL, 2 * sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  if (at != MAP_FAILED) ahead = at;
  close(fd);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_wall(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

static int64_t ahead_by(clockid_t clock) {
  if (is_wall(clock)) return ahead[0];
  int monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
                  clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
  return monotonic ? ahead[1] : 0;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  static __typeof__(&clock_gettime) next;
  if (!next) next = NEXT(clock_gettime);
  int code = next(clock, now);
  if (code == 0) now->tv_sec += ahead_by(clock);
  return code;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* out, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

static int reached(clockid_t clock, const struct timespec* moment) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec > moment->tv_sec ||
         (now.tv_sec == moment->tv_sec && now.tv_nsec >= moment->tv_nsec);
}

/* The moment by the machine's clock, but no later than in a fifth of a second. */
static struct timespec soon(clockid_t clock, const struct timespec* moment) {
  struct timespec now, out = *moment;
  clock_gettime(clock, &now);
  now.tv_nsec += 200000000;
  if (now.tv_nsec >= 1000000000) {
    now.tv_nsec -= 1000000000;
    ++now.tv_sec;
  }
  if (now.tv_sec < out.tv_sec || (now.tv_sec == out.tv_sec && now.tv_nsec < out.tv_nsec)) out = now;
  out.tv_sec -= ahead_by(clock);
  return out;
}

int pthread_cond_clockwait(pthread_cond_t* cond, pthread_mutex_t* mutex, clockid_t clock,
                           const struct timespec* until) {
  for (;;) {
    struct timespec slice = soon(clock, until);
    int code = NEXT(pthread_cond_clockwait)(cond, mutex, clock, &slice);
    if (code != ETIMEDOUT || reached(clock, until)) return code;
  }
}

/* Of which clock `until` is, the condition knows; here its size tells. */
int pthread_cond_timedwait(pthread_cond_t* cond, pthread_mutex_t* mutex,
                           const struct timespec* until) {
  clockid_t clock = until->tv_sec > 1000000000 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  for (;;) {
    struct timespec slice = soon(clock, until);
    int code = NEXT(pthread_cond_timedwait)(cond, mutex, &slice);
    if (code != ETIMEDOUT || reached(clock, until)) return code;
  }
}

int sem_timedwait(sem_t* sem, const struct timespec* until) {
  for (;;) {
    struct timespec slice = soon(CLOCK_REALTIME, until);
    if (NEXT(sem_timedwait)(sem, &slice) == 0) return 0;
    if (errno != ETIMEDOUT || reached(CLOCK_REALTIME, until)) return -1;
  }
}

/* Abseil's and libstdc++'s waits go to the kernel themselves. An interrupted one is begun again. */
long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (int i = 0; i < 6; ++i) a[i] = va_arg(list, long);
  va_end(list);
  static __typeof__(&syscall) next;
  if (!next) next = NEXT(syscall);
  const struct timespec* until = (const struct timespec*)a[3];
  int absolute = number == SYS_futex && (a[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && until;
  if (!absolute) return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  clockid_t clock = (a[1] & FUTEX_CLOCK_REALTIME) ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  struct timespec slice = soon(clock, until);
  long code = next(number, a[0], a[1], a[2], (long)&slice, a[4], a[5]);
  if (code < 0 && errno == ETIMEDOUT && !reached(clock, until)) errno = EINTR;
  return code;
}
