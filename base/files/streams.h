/* The standard streams of a process that may have been started without them. */
#ifndef BASE_STREAMS_H
#define BASE_STREAMS_H

/* To be called first: whatever of the three is closed becomes a descriptor that neither reads nor writes, so
 * that no file that is opened later takes its number and what is printed. */
void streams_hold(void);
/* Whether all that was printed on standard output was taken: 0, the errno of what was not, or -1 when
 * that is no longer known. */
int streams_lost(void);

#endif
