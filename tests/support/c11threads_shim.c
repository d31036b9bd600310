/* c11threads_shim.c: C11 threads on top of pthreads, for ThreadSanitizer builds only.
 *
 * Why: glibc's thrd_create() is not intercepted by TSan, so a thread started with it
 * has no TSan state and the process crashes. Debian's librdkafka uses C11 threads.
 * The executable exports these definitions (-rdynamic) and so replaces glibc's.
 * Source: librdkafka dev-conf.sh ("C11 threads in glibc don't play nice with TSAN"). */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "mtx_t must hold a pthread mutex");
static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "cnd_t must hold a pthread condition");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "thrd_t must be a pthread_t");

struct start {
    thrd_start_t run;
    void *arg;
};

static void *trampoline(void *opaque)
{
    struct start s = *(struct start *)opaque;
    free(opaque);
    return (void *)(intptr_t)s.run(s.arg);
}

static int map(int rc)
{
    switch (rc) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case EBUSY:
        return thrd_busy;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

int thrd_create(thrd_t *t, thrd_start_t run, void *arg)
{
    struct start *s = malloc(sizeof *s);
    if (s == NULL)
        return thrd_nomem;
    *s = (struct start){run, arg};
    int rc = pthread_create(t, NULL, trampoline, s);
    if (rc != 0)
        free(s);
    return map(rc);
}

int thrd_join(thrd_t t, int *result)
{
    void *value = NULL;
    int rc = pthread_join(t, &value);
    if (rc == 0 && result != NULL)
        *result = (int)(intptr_t)value;
    return map(rc);
}

int mtx_init(mtx_t *m, int type)
{
    pthread_mutexattr_t attr;
    if (pthread_mutexattr_init(&attr) != 0)
        return thrd_error;
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    int rc = pthread_mutex_init((pthread_mutex_t *)m, &attr);
    pthread_mutexattr_destroy(&attr);
    return map(rc);
}

int thrd_detach(thrd_t t)
{
    return map(pthread_detach(t));
}
int mtx_lock(mtx_t *m)
{
    return map(pthread_mutex_lock((pthread_mutex_t *)m));
}
int mtx_trylock(mtx_t *m)
{
    return map(pthread_mutex_trylock((pthread_mutex_t *)m));
}
int mtx_unlock(mtx_t *m)
{
    return map(pthread_mutex_unlock((pthread_mutex_t *)m));
}
void mtx_destroy(mtx_t *m)
{
    pthread_mutex_destroy((pthread_mutex_t *)m);
}
int cnd_init(cnd_t *c)
{
    return map(pthread_cond_init((pthread_cond_t *)c, NULL));
}
int cnd_signal(cnd_t *c)
{
    return map(pthread_cond_signal((pthread_cond_t *)c));
}
int cnd_broadcast(cnd_t *c)
{
    return map(pthread_cond_broadcast((pthread_cond_t *)c));
}
void cnd_destroy(cnd_t *c)
{
    pthread_cond_destroy((pthread_cond_t *)c);
}
int cnd_wait(cnd_t *c, mtx_t *m)
{
    return map(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}
int cnd_timedwait(cnd_t *c, mtx_t *m, const struct timespec *until)
{
    return map(pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, until));
}
