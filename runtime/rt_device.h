/* Where the arena lies and what runs kernels: this machine's memory and threads (rt_device_cpu.c) or a GPU
 * (runtime/cuda/); which, is decided when a program is linked. Each also defines tess_launch. The host
 * reaches the arena's contents through rt_fetch and rt_send alone. */
#ifndef RUNTIME_RT_DEVICE_H
#define RUNTIME_RT_DEVICE_H

#include <stdbool.h>

#include "abi/program.h"

typedef struct RtSession RtSession;

/* The session has its arena as the host sees it and its threads. False with an error. */
bool rt_device_open(RtSession *s);
void rt_device_close(RtSession *s);
/* Runs an entry to its end. */
void rt_device_run(RtSession *s, TessEntryFn *entry);
/* Makes the tensor current at rt_at, for the host to read until something runs. */
const void *rt_fetch(const RtSession *s, const TessTensor *t);
/* What the host has written at rt_at becomes the tensor. */
void rt_send(const RtSession *s, const TessTensor *t);

#endif
