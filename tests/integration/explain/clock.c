/* Preloaded: the wall clock of a process is TEST_CLOCK_OFFSET seconds ahead. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/time.h>

static time_t offset(void) {
  const char* text = getenv("TEST_CLOCK_OFFSET");
  return text ? (time_t)strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  int (*next)(clockid_t, struct timespec*) =
      (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  int code = next(clock, now);
  if (code == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += offset();
  return code;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/* Until a time of that clock the kernel waits by the right one; a time of the monotonic clock is
 * far smaller. */
static const struct timespec* right(const struct timespec* until, struct timespec* out) {
  if (!until || until->tv_sec < 1000000000) return until;
  *out = *until;
  out->tv_sec -= offset();
  return out;
}

int pthread_cond_timedwait(pthread_cond_t* cond, pthread_mutex_t* mutex,
                           const struct timespec* until) {
  int (*next)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*) =
      (int (*)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*))dlsym(
          RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec out;
  return next(cond, mutex, right(until, &out));
}

/* Abseil's waits. */
long syscall(long number, ...) {
  long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long a[6];
  va_list args;
  struct timespec out;
  va_start(args, number);
  for (int i = 0; i < 6; ++i) a[i] = va_arg(args, long);
  va_end(args);
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME))
    a[3] = (long)right((const struct timespec*)a[3], &out);
  return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int gettimeofday(struct timeval* out, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}
