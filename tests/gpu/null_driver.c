/* A CUDA driver without a device: memory is the host's, kernels do nothing, and every call that matters is a
   line in the file $NULL_LOG, if there is one. So tests see what a program asks of the driver, and in which order.

   $NULL_VERSION     what cuDriverGetVersion says (13000)
   $NULL_DEVICES     number of devices (1)
   $NULL_CAPABILITY  e.g. 90
   $NULL_FAIL        "call code": that call fails with that code

   A module is its text: the number of words that its kernels' parameters have, so that a launch can tell them. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { int id, words; char name[256]; } Function;
typedef struct { int id, capturing, loose; } Stream; /* loose: captured work that nobody has waited for */
typedef struct { int id; Stream *of; } Event;
typedef struct { int id, nodes; } Graph;
typedef struct { int words; } Module;

static int streams, events, graphs, captured;
static Stream *all[1024], *origin;
static void *current;

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

static void say(const char *format, ...) {
    static FILE *file;
    va_list rest;
    if (!getenv("NULL_LOG")) return;
    if (!file) file = fopen(getenv("NULL_LOG"), "a");
    va_start(rest, format);
    vfprintf(file, format, rest);
    va_end(rest);
    fputc('\n', file);
    fflush(file);
}

static int fails(const char *call) {
    const char *wanted = getenv("NULL_FAIL");
    size_t n = strlen(call);
    return wanted && !strncmp(wanted, call, n) && wanted[n] == ' ' ? atoi(wanted + n) : 0;
}

#define CHECK if (fails(__func__)) return fails(__func__)

/* work put on a stream: 1 if it is to be captured, not done */
static int noted(Stream *s) {
    if (!s->capturing) return 0;
    captured++;
    if (s != origin) s->loose = 1;
    return 1;
}

/* ---- what there is */

int cuInit(unsigned flags) { CHECK; return number("NULL_DEVICES", 1) ? 0 : 100; }
int cuDriverGetVersion(int *v) { *v = number("NULL_VERSION", 13000); return 0; }
int cuDeviceGetCount(int *n) { *n = number("NULL_DEVICES", 1); return 0; }
int cuDeviceGet(int *d, int k) { *d = k; return 0; }
int cuDeviceGetName(char *to, int n, int d) { snprintf(to, n, "Null %d", d); return 0; }
int cuDeviceTotalMem_v2(size_t *n, int d) { *n = (size_t)8 << 30; return 0; }
int cuDeviceGetAttribute(int *v, int what, int d) {
    int capability = number("NULL_CAPABILITY", 90);
    *v = what == 75 ? capability / 10 : what == 76 ? capability % 10 : what == 16 ? 132 : what == 97 ? 232448 : 1;
    return 0;
}
int cuGetErrorName(int code, const char **name) {
    *name = code == 999 ? "CUDA_ERROR_UNKNOWN" : "CUDA_ERROR_OTHER";
    return 0;
}
int cuDevicePrimaryCtxRetain(void **c, int d) { *c = (void *)(intptr_t)(0xc0 + d); return 0; }
int cuCtxSetCurrent(void *c) { current = c; return 0; }
int cuCtxGetCurrent(void **c) { *c = current; return 0; }
int cuCtxSynchronize(void) { CHECK; say("synchronize device"); return 0; }

/* ---- memory */

int cuMemAlloc_v2(uint64_t *p, size_t n) {
    if (fails("cuMemAlloc")) return fails("cuMemAlloc");
    if (n >= (size_t)8 << 30) return 2;
    *p = (uint64_t)calloc(1, n);
    say("allocate %zu", n);
    return 0;
}
int cuMemFree_v2(uint64_t p) { free((void *)p); say("free"); return 0; }
int cuMemHostAlloc(void **p, size_t n, unsigned flags) { *p = calloc(1, n); say("pin %zu", n); return 0; }
int cuMemFreeHost(void *p) { free(p); say("unpin"); return 0; }
int cuMemGetInfo_v2(size_t *f, size_t *n) { *f = (size_t)6 << 30; *n = (size_t)8 << 30; return 0; }
static int copy(const char *word, void *to, const void *from, size_t n, Stream *s) {
    say("%s %zu s%d", word, n, s->id);
    if (!noted(s)) memcpy(to, from, n);
    return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t d, const void *h, size_t n, Stream *s) { return copy("put", (void *)d, h, n, s); }
int cuMemcpyDtoHAsync_v2(void *h, uint64_t d, size_t n, Stream *s) { return copy("get", h, (void *)d, n, s); }
int cuMemcpyDtoDAsync_v2(uint64_t d, uint64_t e, size_t n, Stream *s) {
    return copy("copy", (void *)d, (void *)e, n, s);
}
int cuMemsetD8Async(uint64_t d, unsigned char value, size_t n, Stream *s) {
    say("fill %zu s%d", n, s->id);
    if (!noted(s)) memset((void *)d, value, n);
    return 0;
}

/* ---- streams and events */

int cuStreamCreate(Stream **s, unsigned flags) {
    *s = calloc(1, sizeof(Stream));
    all[(*s)->id = streams++] = *s;
    say("stream s%d flags %u", (*s)->id, flags);
    return 0;
}
int cuStreamDestroy_v2(Stream *s) { say("end s%d", s->id); return 0; }
int cuStreamSynchronize(Stream *s) { CHECK; say("synchronize s%d", s->id); return 0; }
int cuEventCreate(Event **e, unsigned flags) {
    *e = calloc(1, sizeof(Event));
    (*e)->id = events++;
    say("event e%d flags %u", (*e)->id, flags);
    return 0;
}
int cuEventDestroy_v2(Event *e) { return 0; }
int cuEventRecord(Event *e, Stream *s) { e->of = s; say("record e%d s%d", e->id, s->id); return 0; }
int cuEventSynchronize(Event *e) { say("synchronize e%d", e->id); return 0; }
int cuEventElapsedTime_v2(float *ms, Event *a, Event *b) { *ms = 1.5f; return 0; }
int cuEventElapsedTime(float *ms, Event *a, Event *b) { *ms = 1.5f; return 0; }
int cuStreamWaitEvent(Stream *s, Event *e, unsigned flags) {
    say("wait s%d e%d", s->id, e->id);
    if (e->of && e->of->capturing) {
        s->capturing = 1;
        if (e->of->loose && s != origin) s->loose = 1;
        e->of->loose = 0;
    }
    return 0;
}

/* ---- kernels */

int cuModuleLoadData(Module **m, const void *image) {
    CHECK;
    *m = calloc(1, sizeof(Module));
    (*m)->words = atoi(image);
    say("load");
    return 0;
}
int cuModuleGetFunction(Function **f, Module *m, const char *name) {
    *f = calloc(1, sizeof(Function));
    snprintf((*f)->name, 256, "%s", name);
    (*f)->words = m->words;
    return 0;
}
int cuFuncGetAttribute(int *v, int what, Function *f) { *v = what == 0 ? 1024 : 16; return 0; }
int cuFuncSetAttribute(Function *f, int what, int v) { say("set %s %d %d", f->name, what, v); return 0; }
int cuLaunchKernel(Function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, Stream *s, void **parameters, void **extra) {
    char words[4096] = "";
    size_t at = 0;
    CHECK;
    for (int k = 0; getenv("NULL_LOG") && k < f->words && at < 4000; k++)
        at += sprintf(words + at, " %llx", *(unsigned long long *)parameters[k]);
    say("launch %s s%d (%u,%u,%u) (%u,%u,%u) %u:%s", f->name, s->id, gx, gy, gz, bx, by, bz, shared, words);
    noted(s);
    return 0;
}

/* ---- graphs */

int cuStreamBeginCapture_v2(Stream *s, int mode) {
    say("capture s%d mode %d", s->id, mode);
    origin = s;
    s->capturing = 1;
    captured = 0;
    return 0;
}
int cuStreamEndCapture(Stream *s, Graph **g) {
    int unjoined = 0;
    for (int k = 0; k < streams; k++) {
        unjoined |= all[k]->loose;
        all[k]->loose = all[k]->capturing = 0;
    }
    *g = 0;
    say("captured %d", captured);
    if (unjoined) return 904;
    *g = calloc(1, sizeof(Graph));
    (*g)->id = graphs++;
    (*g)->nodes = captured;
    return 0;
}
int cuGraphGetNodes(Graph *g, void **nodes, size_t *n) { *n = g->nodes; return 0; }
int cuGraphInstantiateWithFlags(Graph **made, Graph *g, unsigned long long flags) { *made = g; return 0; }
int cuGraphLaunch(Graph *g, Stream *s) { CHECK; say("graph g%d s%d", g->id, s->id); return 0; }
int cuGraphExecDestroy(Graph *g) { say("forget g%d", g->id); return 0; }
int cuGraphDestroy(Graph *g) { return 0; }

/* ---- how the bindings find all this: the newest form of a name */

int cuGetProcAddress_v2(const char *name, void **found, int version, uint64_t flags, int *status) {
    static void *here;
    static const char *forms[] = {"%s_v2", "%sWithFlags", "%s"};
    char full[256];
    Dl_info info;
    if (!here && dladdr((void *)cuGetProcAddress_v2, &info)) here = dlopen(info.dli_fname, RTLD_LAZY);
    *found = 0;
    for (int k = 0; k < 3 && !*found; k++) {
        snprintf(full, sizeof full, forms[k], name);
        *found = dlsym(here, full);
    }
    if (status) *status = *found ? 0 : 1;
    return *found ? 0 : 500;
}
int cuGetProcAddress(const char *name, void **found, int version, uint64_t flags) {
    return cuGetProcAddress_v2(name, found, version, flags, 0);
}
