/* What this machine's arithmetic and memory can do at most: register-only loops of independent fused
 * multiply-adds, and plain copies far larger than the caches. Every share of peak in this project is of these
 * figures, measured next to the sample, since the machines we run on change speed. Needs libc alone, so that
 * programs may link it too. */
#ifndef BASE_PEAK_H
#define BASE_PEAK_H

#include <time.h>

typedef enum PeakKind { PEAK_F32, PEAK_BF16 } PeakKind;

/* Operations a second (a multiply and an add count two) of the calling thread, measured over about `seconds`
 * of `clock`: CLOCK_MONOTONIC, or CLOCK_THREAD_CPUTIME_ID where others use the machine too. PEAK_BF16 is
 * vdpbf16ps; 0 where the processor has no such instruction. */
double peak_flops(PeakKind kind, double seconds, clockid_t clock);
/* The sum over `threads` threads running at once, by the wall clock. */
double peak_flops_threads(PeakKind kind, int threads, double seconds);
/* Bytes a second, read and written together, of `threads` threads each copying `bytes` bytes to and fro for
 * about `seconds`; 0 when there is no memory for it. */
double peak_copy(int threads, long bytes, double seconds);

#endif
