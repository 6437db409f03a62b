/* Loaded before a program (LD_PRELOAD): allocations that fail. FAIL_COUNT=FILE writes how many there were;
 * FAIL_AT=N lets the N-th fail. FAIL_EACH=FROM:STEP lets each STEP-th from FROM on fail in a child process of
 * its own, which goes on from there to its end, while this process waits, judges what became of it, puts back
 * what it removed, and goes on as if nothing had been: so that each of a long run's allocations is tried in
 * the time of one run and of what follows each failure. What is wrong lands in FAIL_REPORT, and at the end
 * how many were tried. FAIL_FOLDER is where files may come and go. */
#define _GNU_SOURCE /* F_DUPFD.., syscall */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's own, under names that nobody takes. */
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);

enum { MOST_FILES = 32, PATH = 1024, MOST_FD = 64 };

static atomic_long count;
static long fail_at, each_from, each_step, tried;
static const char *count_file, *folder, *report;
static int child; /* the one that fails, or has failed */
static pid_t self;

/* The files of the folder and its folders, kept by a further link. */
typedef struct Kept {
  char path[PATH], link[PATH];
  int is_folder, inside;
} Kept;
static Kept kept[MOST_FILES];
static int nkept;
static off_t offset_of[MOST_FD], size_of[MOST_FD];

static void say(const char *what, int status) {
  char text[512];
  int fd = open(report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  int n = snprintf(text, sizeof text, "allocation %ld: %s (status %#x)\n", (long)count, what, status);
  if (fd >= 0 && write(fd, text, (size_t)n) == n) close(fd);
}

/* getdents through opendir would allocate, which does not count here. */
static void list(const char *path, int inside, void (*see)(const char *path, int is_folder, int inside)) {
  DIR *d = opendir(path);
  for (struct dirent *e; d && (e = readdir(d));) {
    char name[PATH];
    struct stat st;
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
    if (snprintf(name, sizeof name, "%s/%s", path, e->d_name) >= (int)sizeof name || lstat(name, &st))
      continue;
    see(name, S_ISDIR(st.st_mode), inside);
    if (S_ISDIR(st.st_mode) && !inside) list(name, 1, see);
  }
  if (d) closedir(d);
}

static void keep(const char *path, int is_folder, int inside) {
  if (nkept == MOST_FILES) return;
  Kept *k = &kept[nkept];
  *k = (Kept){.is_folder = is_folder, .inside = inside};
  snprintf(k->path, sizeof k->path, "%s", path);
  snprintf(k->link, sizeof k->link, "%s.kept/%d", folder, nkept++);
  if (!is_folder && link(path, k->link) != 0) say("cannot keep a file", errno);
}

static int is_kept(const char *path) {
  for (int i = 0; i < nkept; i++)
    if (!strcmp(kept[i].path, path)) return 1;
  return 0;
}

static int strangers;

static void look(const char *path, int is_folder, int inside) {
  (void)inside;
  if (is_kept(path)) return;
  strangers++;
  if (is_folder)
    rmdir(path);
  else
    unlink(path);
}

static int is_there(const Kept *k) {
  struct stat st;
  return lstat(k->path, &st) == 0;
}

/* What was unfinished when the child began is gone when it has ended: names that begin with a dot. */
static int unfinished_left(void) {
  int n = 0;
  for (int i = 0; i < nkept; i++)
    n += strstr(kept[i].path + strlen(folder), "/.") != NULL && is_there(&kept[i]);
  return n;
}

static void put_back(void) {
  for (int i = 0; i < nkept; i++) {
    const Kept *k = &kept[i];
    if (k->is_folder && !is_there(k) && mkdir(k->path, 0700) != 0) say("cannot put a folder back", errno);
    if (!k->is_folder && rename(k->link, k->path) != 0) say("cannot put a file back", errno);
  }
  for (int i = 0; i < nkept; i++) unlink(kept[i].link); /* a rename to the file itself leaves both */
}

/* The child has the same open files: where they stood is kept and put back, too. */
static void files(int back) {
  for (int fd = 3; fd < MOST_FD; fd++) {
    struct stat st;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) continue;
    int writable = (flags & O_ACCMODE) != O_RDONLY;
    if (!back) size_of[fd] = st.st_size, offset_of[fd] = lseek(fd, 0, SEEK_CUR);
    if (back && ((writable && ftruncate(fd, size_of[fd]) != 0) || lseek(fd, offset_of[fd], SEEK_SET) < 0))
      say("cannot put an open file back", errno);
  }
}

static void begin_child(const char *said) {
  int fd = open(said, O_RDWR | O_CREAT | O_TRUNC, 0666);
  child = 1;
  if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) abort();
  if (fd > 2) close(fd);
  alarm(120);
}

static void judge(int status, const char *said) {
  char text[4096] = "";
  int fd = open(said, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
  if (n > 0) text[n] = 0;
  if (fd >= 0) close(fd);
  int told = strstr(text, "out of memory") || strstr(text, strerror(ENOMEM)) || strstr(text, "no memory");
  if (WIFSIGNALED(status) || WEXITSTATUS(status) > 1 || (WEXITSTATUS(status) == 1 && !told))
    say(*text ? text : "nothing was said", status);
  else if (WEXITSTATUS(status) == 1 && (strangers || unfinished_left()))
    say("something is left behind", status);
}

/* Whether this process is a child whose allocation is to fail. */
static int try_here(void) {
  char said[PATH];
  int status = 0;
  sigset_t all, before;
  sigfillset(&all);
  snprintf(said, sizeof said, "%s.kept/said", folder);
  child = -1; /* what this does itself is neither counted nor failed */
  sigprocmask(SIG_BLOCK, &all, &before);
  nkept = strangers = 0;
  list(folder, 0, keep);
  files(0);
  pid_t pid = fork();
  if (pid == 0) {
    sigprocmask(SIG_SETMASK, &before, NULL);
    begin_child(said);
    return 1;
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  list(folder, 0, look);
  judge(status, said);
  put_back();
  files(1);
  sigprocmask(SIG_SETMASK, &before, NULL);
  child = 0;
  tried++;
  return 0;
}

static int fails(void) {
  if (!self || child || getpid() != self) return 0;
  long n = atomic_fetch_add(&count, 1) + 1;
  if (fail_at) return n == fail_at;
  if (!each_step || n < each_from || (n - each_from) % each_step) return 0;
  int saved = errno, failing = try_here();
  errno = saved;
  return failing;
}

/* The C library's functions under names of our own. */
void *take(size_t n) __asm__("malloc");
void *take_zeroed(size_t n, size_t size) __asm__("calloc");
void *grow(void *p, size_t n) __asm__("realloc");
void *take_aligned(size_t alignment, size_t n) __asm__("aligned_alloc");
int hand_aligned(void **p, size_t alignment, size_t n) __asm__("posix_memalign");

void *take(size_t n) {
  return fails() ? (errno = ENOMEM, NULL) : __libc_malloc(n);
}

void *take_zeroed(size_t n, size_t size) {
  return fails() ? (errno = ENOMEM, NULL) : __libc_calloc(n, size);
}

void *grow(void *p, size_t n) {
  return fails() ? (errno = ENOMEM, NULL) : __libc_realloc(p, n);
}

void *take_aligned(size_t alignment, size_t n) {
  return fails() ? (errno = ENOMEM, NULL) : __libc_memalign(alignment, n);
}

int hand_aligned(void **p, size_t alignment, size_t n) {
  if (fails()) return ENOMEM;
  *p = __libc_memalign(alignment, n);
  return *p ? 0 : ENOMEM;
}

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("FAIL_AT"), *each = getenv("FAIL_EACH");
  count_file = getenv("FAIL_COUNT");
  folder = getenv("FAIL_FOLDER");
  report = getenv("FAIL_REPORT");
  fail_at = at ? atol(at) : 0;
  if (each && sscanf(each, "%ld:%ld", &each_from, &each_step) != 2) abort();
  unsetenv("LD_PRELOAD");
  self = getpid();
}

__attribute__((destructor)) static void end(void) {
  if (child || getpid() != self || !count_file) return;
  child = -1;
  FILE *f = fopen(count_file, "w");
  if (!f) abort();
  fprintf(f, "%ld %ld\n", (long)count, tried);
  fclose(f);
}
