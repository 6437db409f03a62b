/* What a run writes, where, and over what: links, modes, temporary names, inputs, pipes, logs, two runs at
 * once; and what asks it to end, to save or to go on. */
#include <signal.h>
#include <sys/stat.h>

#include "runtime/state/rt_safetensors.h"
#include "tests/runtime/rt_toy_run.h"

/* The updates that a checkpoint has; -1 when it is none. */
static int step_of(const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", run_dir, name);
  RtFile *f = rt_file_open_once(path);
  int step = f ? atoi(rt_file_meta(f, "tessera.step")) : -1;
  rt_file_close(f);
  return step;
}

START_TEST(links_are_followed) {
  OK(TRAIN "--steps 3 --checkpoint whole");
  OK("mkdir big && echo old >big/real && ln -s big/real last && ln -s last again && ln -s big/new dangling");
  OK(TRAIN "--steps 3 --checkpoint again");
  OK(TRAIN "--steps 3 --checkpoint dangling");
  OK("test -L again && test -L last && test -L dangling && cmp whole big/real && cmp whole big/new");
  OK("ln -s circle round && ln -s round circle");
  FAILS(TRAIN "--steps 3 --checkpoint round");
  SAYS("--checkpoint round: cannot write there: Too many levels of symbolic links");
  ck_assert(!left());
}
END_TEST

START_TEST(modes_are_kept) {
  static const unsigned mode[] = {0600, 0444, 0640, 0666};
  char path[600];
  struct stat st;
  snprintf(path, sizeof path, "%s/c", run_dir);
  for (size_t i = 0; i < sizeof mode / sizeof *mode; i++) {
    OK("touch c && chmod %o c", mode[i]);
    OK("umask 077; " TRAIN "--steps 1 --checkpoint c");
    ck_assert(stat(path, &st) == 0);
    ck_assert_uint_eq(st.st_mode & 07777, mode[i]);
  }
  OK("umask 027; " TRAIN "--steps 1 --checkpoint new");
  OK("test $(stat -c %%a new) = 640");
}
END_TEST

/* Names that a temporary file could have had; a folder with as many more. */
START_TEST(the_users_own_files_stay) {
  OK("for s in tmp part lock 0; do echo mine >c.$s; done; echo mine >.c.tmp; ls -A >before");
  OK(TRAIN "--steps 4 --every 1 --checkpoint c");
  OK("for f in c.tmp c.part c.lock c.0 .c.tmp; do test \"$(cat $f)\" = mine || exit 1; done");
  OK("rm c && ls -A | diff - before");
  OK("echo mine >.c.lock");
  FAILS(TRAIN "--steps 4 --checkpoint c");
  SAYS("found .c.lock, expected a lock of a run or nothing there");
}
END_TEST

START_TEST(inputs_are_not_replaced) {
  OK(TRAIN "--steps 2 --checkpoint w && cp train-images-idx3-ubyte i && cp w v && ln w w2 && ln -s w soft");
  FAILS(TRAIN "--steps 1 --checkpoint train-images-idx3-ubyte");
  SAYS("--checkpoint train-images-idx3-ubyte: cannot write there: it would take the place of the input "
       "./train-images-idx3-ubyte");
  FAILS(TRAIN "--steps 1 --checkpoint train-labels-idx1-ubyte");
  FAILS(TRAIN "--steps 1 --init w --checkpoint w");
  FAILS(TRAIN "--steps 1 --init w --checkpoint soft");
  SAYS("the input w");
  FAILS(TRAIN "--steps 1 --init soft --checkpoint w");
  OK("cp " TOY " toy");
  FAILS("./toy train --data . --steps 1 --checkpoint toy");
  SAYS("the input ./toy");
  FAILS("./toy bench --steps 1 --profile-out toy");
  FAILS(TRAIN "--steps 1 --log w --checkpoint w");
  FAILS(TRAIN "--steps 1 --log both --checkpoint ./both");
  SAYS("--checkpoint ./both: it is the file of --log too");
  FAILS(TRAIN "--steps 1 --init w --log w2");
  OK("cmp i train-images-idx3-ubyte && cmp w v && cmp toy " TOY);
  OK(TRAIN "--steps 3 --resume w --checkpoint w"); /* what a resumed run is for */
  OK(TRAIN "--steps 1 --init w2 --checkpoint w");  /* the other name keeps its file */
  ck_assert(run_same("w2", "v") && !left());
}
END_TEST

/* Devices and pipes are written into, and a pipe that nobody reads is refused at once. */
START_TEST(pipes_and_devices) {
  OK(TRAIN "--steps 3 --checkpoint whole && mkfifo pipe");
  OK(TRAIN "--steps 3 --checkpoint /dev/null && test -c /dev/null");
  OK("cat pipe >got & " TRAIN "--steps 3 --checkpoint pipe --log /dev/stdout >lines; wait; cmp whole got");
  OK("test $(grep -c '^{\"step\"' lines) = 3");
  OK("timeout 20 " TOY " bench --steps 1 --profile-out /dev/stdout | grep -q tessera_profile");
  static const char *const refused[] = {"--checkpoint pipe", "--log pipe",        "--init pipe",
                                        "--resume pipe",     "--checkpoint .",    "--log .",
                                        "--init .",          "--resume /dev/zero"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    FAILS("timeout 20 " TRAIN "--steps 1 %s", refused[i]);
    ck_assert(strstr(run_err, "nobody reads that pipe") || strstr(run_err, "expected a file, found a ") ||
              strstr(run_err, "Is a directory"));
  }
  FAILS("timeout 20 " TOY " replay pipe");
  OK("mkdir d && mkfifo d/train-images-idx3-ubyte");
  FAILS("timeout 20 " TOY " train --data d --steps 1");
  SAYS("d/train-images-idx3-ubyte: expected a file, found a pipe");
  ck_assert(!left());
}
END_TEST

START_TEST(names_that_begin_with_a_dash) {
  OK(TRAIN "--steps 2 --checkpoint=-c --log=--log && test -f ./-c && test -f ./--log");
  OK(TRAIN "--steps 3 --resume -c --checkpoint -c");
  FAILS(TRAIN "--steps 2 --checkpoint --every 1");
  SAYS("--checkpoint: expected FILE behind it, found --every");
  FAILS(TOY " replay -- -c");
  ck_assert(!strstr(run_err, "unknown option") && !strstr(run_err, "unexpected"));
}
END_TEST

START_TEST(a_second_run_is_refused) {
  OK(TRAIN "--steps 100000000 --checkpoint c >/dev/null 2>&1 & echo $! >pid; until test -s .c.lock; do sleep "
           "0.02; done");
  FAILS(TRAIN "--steps 5 --checkpoint ./c");
  SAYS("--checkpoint ./c: another run writes it: pid ");
  OK("grep -q \"pid $(cat pid) on $(hostname)$\" .c.lock && kill $(cat pid); while kill -0 $(cat pid) "
     "2>/dev/null; do "
     "sleep 0.02; done");
  ck_assert_int_gt(step_of("c"), 0);
  OK(TRAIN "--steps 5 --checkpoint c");
  ck_assert(!left());
}
END_TEST

/* A run that was killed leaves a lock that blocks nobody, and its unfinished file goes with the next run;
 * what is not known to be its own stays. */
START_TEST(a_killed_run_blocks_nobody) {
  OK("printf 'tessera: locked by pid 1 on moon\\ntoken abcdefghijklmnop\\n' >.c.lock && echo half "
     ">.tessera.abcdefghijklmnop && "
     "echo mine >.tessera.abcdefghijklmnoq");
  OK(TRAIN "--steps 5 --checkpoint c");
  OK("ls -A | grep '^[.]'");
  ck_assert_str_eq(run_out, ".tessera.abcdefghijklmnoq\n");
}
END_TEST

static const char *const foreign[] = {"one\\ntwo, without an end", "{\"step\":1,\"loss\":2}\\nnotes",
                                      "\\000\\001", "{\"a\":1}\\n", "{"};

/* The last is the beginning of a line of its own. */
START_TEST(a_log_cuts_its_own_last_line_alone) {
  for (size_t i = 0; i + 1 < sizeof foreign / sizeof *foreign; i++) {
    OK("printf '%s' >log && cp log before", foreign[i]);
    FAILS(TRAIN "--steps 1 --log log");
    SAYS("--log log: found a file that is no log of train");
    ck_assert(run_same("log", "before"));
  }
  OK("printf '{\"step\":7,\"x\":1}\\n{\"st' >log");
  OK(TRAIN "--steps 2 --log log");
  OK("test $(wc -l <log) = 3 && head -n 1 log | grep -qx '{\"step\":7,\"x\":1}'");
  OK("printf '%s' >log && " TRAIN "--steps 1 --log log && test $(wc -l <log) = 1", foreign[4]);
}
END_TEST

/* A line that does not fit is taken back, and the run and its checkpoint go on. */
START_TEST(a_full_log_costs_the_status_alone) {
  OK(TRAIN "--steps 200 --checkpoint whole && test $(stat -c %%s whole) -gt 2048");
  FAILS("bash -c '" TRAIN "--steps 200 --print 1 --checkpoint c --log /dev/full 2>&1 | tee said; exit "
        "${PIPESTATUS[0]}'");
  ck_assert(run_same("whole", "c"));
  OK("grep -n 'the log is not complete' said | cut -d: -f1");
  ck_assert_int_lt(atoi(run_out), 10); /* at once, not at the end */
  OK("(ulimit -f 8; trap '' XFSZ; exec " TRAIN "--steps 200 --log small); test $? = 1");
  SAYS("error: small: the log is not complete: File too large");
  OK("python3 -c 'import json; n = [json.loads(l)[\"step\"] for l in open(\"small\")]; assert n == "
     "list(range(1, len(n) + "
     "1)) and 10 < len(n) < 200'");
}
END_TEST

START_TEST(closed_streams_cost_the_status_alone) {
  OK(TRAIN "--steps 20 --checkpoint whole");
  static const char *const how[] = {">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full", "<&- >&-"};
  for (size_t i = 0; i < sizeof how / sizeof *how; i++) {
    OK("rm -f c log");
    int status = run(TRAIN "--steps 20 --print 1 --every 3 --checkpoint c --log log %s", how[i]);
    ck_assert_int_eq(status, i != 1);
    ck_assert(run_same("whole", "c"));
    OK("test $(wc -l <log) = 20 && ! grep -v '^{\"step\"' log");
  }
  static const char *const verb[] = {"info", "bench --steps 1", "eval --data . --init whole", "--help"};
  for (size_t i = 0; i < sizeof verb / sizeof *verb; i++) FAILS(TOY " %s >&-", verb[i]);
  FAILS(TOY " bench --steps 1 --profile 2>/dev/full");
}
END_TEST

/* In a folder that is gone; in one that cannot be written; under a name that is too long: known before any
 * work. */
START_TEST(what_the_end_needs_is_tried_at_the_start) {
  OK("mkdir gone && cd gone && rmdir ../gone && ! timeout 20 " TOY
     " train --data .. --steps 100000000 --checkpoint c 2>../said");
  OK("cat said >&2");
  SAYS("--checkpoint c: cannot write there: No such file or directory");
  FAILS("timeout 20 " TRAIN "--steps 100000000 --checkpoint w/c");
  FAILS("timeout 20 " TRAIN "--steps 100000000 --checkpoint train-images-idx3-ubyte/c");
  SAYS("Not a directory");
  FAILS("timeout 20 " TRAIN "--steps 100000000 --checkpoint $(printf '%%0300d' 7)");
  SAYS("File name too long");
  OK(TRAIN "--steps 1 --checkpoint $(printf '%%0255d' 7)");
  ck_assert(!left());
}
END_TEST

START_TEST(signals) {
  static const struct {
    const char *name;
    int status;
  } end[] = {{"INT", 130}, {"TERM", 143}, {"HUP", 129}};
  for (size_t i = 0; i < sizeof end / sizeof *end; i++) {
    OK("rm -f c");
    ck_assert_int_eq(
        run("timeout --preserve-status -s %s 0.3 " TRAIN "--steps 100000000 --checkpoint c", end[i].name),
        end[i].status);
    PRINTS("ended by a signal at update ");
    ck_assert_int_gt(step_of("c"), 0);
    OK("(trap '' %s; exec " TRAIN
       "--steps 3000 --checkpoint c) & pid=$!; sleep 0.1; kill -%s $pid; wait $pid",
       end[i].name, end[i].name);
    ck_assert_int_eq(step_of("c"), 3000);
  }
}
END_TEST

START_TEST(saves_when_asked) {
  OK(TRAIN "--steps 100000000 --checkpoint c >/dev/null 2>said & pid=$!; sleep 0.2; kill -USR1 $pid; until "
           "test -e c; do "
           "sleep 0.02; done; cp c first; sleep 0.1; kill -USR1 $pid; while cmp -s c first; do sleep 0.02; "
           "done; kill $pid; wait "
           "$pid; test $? = 143 && grep -q 'note: SIGUSR1: c has update' said");
  ck_assert(0 < step_of("first") && step_of("first") < step_of("c"));
  OK(TRAIN
     "--steps 5000 >/dev/null 2>said & pid=$!; sleep 0.2; kill -USR1 $pid; wait $pid && grep -q 'there is no "
     "--checkpoint' said || ! kill -0 $pid 2>/dev/null");
}
END_TEST

/* The update that was refused is the one that makes nothing, and the checkpoint has those before it. */
START_TEST(values_that_are_not_finite) {
  OK(TRAIN "--steps 13 --checkpoint thirteen");
  int poison = 1 + (int)draw_below(18);
  FAILS(TRAIN "--steps 20 --poison %d --checkpoint c", poison);
  ck_assert_int_eq(step_of("c"), poison);
  FAILS(TRAIN "--steps 20 --poison 0 --checkpoint none");
  ck_assert(!run_exists("none"));
  OK(TRAIN "--steps 20 --poison %d --checkpoint skipped --on-nonfinite skip --log log", poison);
  char note[100];
  snprintf(note, sizeof note, "note: step %d: a value is not finite; the update was skipped", poison);
  SAYS(note);
  SAYS("note: 1 of 20 updates were skipped");
  ck_assert_int_eq(step_of("skipped"), 20);
  OK("test $(wc -l <log) = 20");
  FAILS(TRAIN "--steps 20 --poison %d --resume c --checkpoint stopped --on-nonfinite stop", poison);
  OK(TRAIN "--resume c --checkpoint c --on-nonfinite=skip");
  ck_assert(run_same("c", "skipped"));
  FAILS(TRAIN "--steps 1 --poison 0 --on-nonfinite skip");
  SAYS("error: no update was made");
  FAILS(TRAIN "--steps 1 --on-nonfinite ignore");
  SAYS("--on-nonfinite: found \"ignore\", expected stop or skip");
}
END_TEST

/* check.py STEPS NUMBER min|max: the log's validations; prints the best's step and the last number. */
static const char check_log[] =
    "import json, sys\n"
    "lines = [json.loads(l) for l in open('log')]\n"
    "updates = [l['step'] for l in lines if 'validation' not in l]\n"
    "seen = [l for l in lines if 'validation' in l]\n"
    "assert updates == list(range(1, 26)), updates\n"
    "assert [l['step'] for l in seen] == [int(n) for n in sys.argv[1].split()], seen\n"
    "best = None\n"
    "for l in seen:\n"
    "    v = l['validation'][sys.argv[2]] * (-1 if sys.argv[3] == 'max' else 1)\n"
    "    assert l['best'] == (best is None or v < best) and l['validation']['images'] == 23, l\n"
    "    if l['best']: best, step = v, l['step']\n"
    "print(step, seen[-1]['validation'][sys.argv[2]])\n";

/* It changes no bit of the run, finds what eval finds, and names the best that the log has. */
START_TEST(evaluates_on_the_way) {
  run_write("check.py", check_log, sizeof check_log - 1);
  OK(TRAIN "--steps 25 --checkpoint whole");
  OK(TRAIN "--steps 25 --checkpoint c.st --validate 1epoch --every 25 --log log");
  PRINTS("validation at update 10: 23 images  loss ");
  PRINTS("validation at update 25: 23 images");
  OK("python3 check.py '10 20 25' loss min");
  int best = atoi(run_out);
  double loss = atof(strchr(run_out, ' '));
  ck_assert_int_eq(step_of("c.best.st"), best);
  OK(TOY " eval --data . --init c.st --json");
  double found;
  ck_assert_int_eq(sscanf(run_out, "{\"images\":23,\"loss\":%lf", &found), 1);
  ck_assert(found == loss);
  OK("rm log c.*");
  OK(TRAIN "--steps 25 --checkpoint c.st --validate 7 --best max:top1 --log log");
  OK("python3 check.py '7 14 21 25' top1 max");
  ck_assert_int_eq(step_of("c.best.st"), atoi(run_out));
  OK("python3 -c \"import json,struct; t = lambda n: (lambda b: b[8 + struct.unpack('<Q', "
     "b[:8])[0]:])(open(n, "
     "'rb').read()); assert t('c.st') == t('whole')\"");
  FAILS(TRAIN "--steps 25 --checkpoint c.st --validate 7 --best max:top5");
  SAYS("--best: the evaluation reports no number called \"top5\"; did you mean top1?");
  FAILS(TRAIN "--steps 25 --checkpoint c.st --validate 7 --best top1");
  SAYS("--best: found \"top1\", expected min:NAME or max:NAME");
  OK("rm t10k-images-idx3-ubyte");
  FAILS(TRAIN "--steps 25 --validate 7");
}
END_TEST

/* The last K of those on the way, whatever ends the run in between; other files of such names stay. */
START_TEST(keeps_the_last_ones) {
  OK("echo mine >c.5.st && echo mine >c.st.4");
  OK(TRAIN "--steps 25 --checkpoint c.st --every 4 --keep 2 && ls c.*");
  PRINTS("c.20.st\nc.24.st\nc.5.st\nc.st\nc.st.4\n");
  ck_assert(step_of("c.20.st") == 20 && step_of("c.24.st") == 24 && step_of("c.st") == 25);
  OK(TRAIN "--steps 37 --resume c.st --checkpoint c.st --every 1epoch --keep 3 && ls c.*");
  PRINTS("c.20.st\nc.24.st\nc.30.st\nc.5.st\nc.st\n");
  OK(TRAIN "--steps 40 --resume c.20.st --checkpoint d --every 3 --keep 1 && ls d*");
  PRINTS("d\nd.39\n");
  OK("test -f c.20.st && test $(cat c.5.st) = mine && rm c.* d*");
  OK("mkdir far && ln -s far/c.st link && " TRAIN
     "--steps 10 --checkpoint link --every 3 --keep 2 --validate 5 && ls far");
  PRINTS("c.6.st\nc.9.st\nc.best.st\nc.st\n");
  FAILS(TRAIN "--steps 10 --init far/c.best.st --checkpoint link --validate 5");
  SAYS("it would take the place of the input far/c.best.st");
  FAILS(TRAIN "--steps 10 --checkpoint d --keep 2");
  SAYS("--keep needs --checkpoint FILE, and --every N or --validate N");
  FAILS(TRAIN "--steps 10 --checkpoint d --every 2 --keep 0");
  ck_assert(!left());
}
END_TEST

/* As another program may leave it: an error, whether there is a best one or not. */
START_TEST(a_list_of_kept_ones_that_is_none) {
  OK(TRAIN "--steps 10 --checkpoint c --every 2 --keep 2");
  OK("python3 -c 'import json, struct; raw = open(\"c\", \"rb\").read(); n = struct.unpack(\"<Q\", "
     "raw[:8])[0]; "
     "h = json.loads(raw[8:8 + n]); h[\"__metadata__\"][\"tessera.kept\"] = \"x\"; t = "
     "json.dumps(h).encode(); "
     "open(\"c\", \"wb\").write(struct.pack(\"<Q\", len(t)) + t + raw[8 + n:])'");
  FAILS(TRAIN "--steps 12 --resume c --checkpoint d");
  SAYS("\"tessera.best\" or \"tessera.kept\" in the metadata is not as train writes it");
}
END_TEST

START_TEST(counts_in_epochs) {
  OK(TRAIN "--steps 25 --checkpoint c --every 1epoch --keep 9 && ls c.*");
  PRINTS("c.10\nc.20\n");
  FAILS(TRAIN "--steps 25 --checkpoint c --every 0");
  SAYS("--every: found \"0\", expected updates, such as 100, or epochs, such as 1epoch");
  FAILS(TRAIN "--steps 25 --checkpoint c --every 2weeks");
}
END_TEST

SUITE("rt_output") {
  tcase_add_checked_fixture(t, make_files, run_clean);
  tcase_add_test(t, links_are_followed);
  tcase_add_test(t, modes_are_kept);
  tcase_add_test(t, the_users_own_files_stay);
  tcase_add_test(t, inputs_are_not_replaced);
  tcase_add_test(t, pipes_and_devices);
  tcase_add_test(t, names_that_begin_with_a_dash);
  tcase_add_test(t, a_second_run_is_refused);
  tcase_add_test(t, a_killed_run_blocks_nobody);
  tcase_add_test(t, a_log_cuts_its_own_last_line_alone);
  tcase_add_test(t, a_full_log_costs_the_status_alone);
  tcase_add_test(t, closed_streams_cost_the_status_alone);
  tcase_add_test(t, what_the_end_needs_is_tried_at_the_start);
  tcase_add_test(t, signals);
  tcase_add_test(t, saves_when_asked);
  tcase_add_test(t, values_that_are_not_finite);
  tcase_add_test(t, evaluates_on_the_way);
  tcase_add_test(t, keeps_the_last_ones);
  tcase_add_test(t, a_list_of_kept_ones_that_is_none);
  tcase_add_test(t, counts_in_epochs);
}
