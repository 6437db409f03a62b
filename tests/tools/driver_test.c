/* The driver's verbs: wrong command lines, errors of the user's, stages written out and read back, inspect.
 */

#include "codegen/cpu/cpu.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kern.h"
#include "tests/runtime/rt_run.h"
#include "tests/suite.h"

#define TESSERA BUILD_DIR "/tessera"
#define MODELS SOURCE_DIR "/models"
#define VIT TESSERA " build " MODELS "/vit_classify.tess -D depth=1"

#define OK(...) ck_assert_msg(run(__VA_ARGS__) == 0, "%s%s", run_out, run_err)
#define ENDS(status, ...) ck_assert_msg(run(__VA_ARGS__) == (status), "%s%s", run_out, run_err)
#define SAYS(text) ck_assert_msg(strstr(run_err, text) != NULL, "expected \"%s\" in:\n%s", text, run_err)
#define PRINTS(text) ck_assert_msg(strstr(run_out, text) != NULL, "expected \"%s\" in:\n%s", text, run_out)

START_TEST(help_teaches_by_examples) {
  OK(TESSERA);
  PRINTS("tessera build models/vit_classify.tess");
  OK(TESSERA " --help");
  PRINTS("\"tessera VERB --help\"");
  OK(TESSERA " build --help");
  PRINTS("-D @golden.safetensors");
  PRINTS("Passes, in order: ");
  PRINTS("  reciprocal   x / y, with one y for many x, is x * (1 / y)\n");
  OK(TESSERA " build model.tess -o p --help");
  PRINTS("-D @golden.safetensors");
  ENDS(2, TESSERA " help biuld");
  SAYS("no help on \"biuld\"");
  ENDS(2, TESSERA " biuld --help");
  SAYS("unknown verb \"biuld\"; did you mean build?");
  ENDS(2, TESSERA " quantize");
  SAYS("unknown verb \"quantize\"; \"tessera --help\" lists the verbs");
  ENDS(2, TESSERA " build a.tess --fuson=f -o p");
  SAYS("unknown option --fuson=f; did you mean --fusion?");
  ENDS(2, TESSERA " build a.tess --fusion -o p");
  SAYS("--fusion wants a value, found the option -o");
  ENDS(2, TESSERA " build a.tess --emit=asm --threads 2 -o p");
  SAYS("wants a value, found the option --threads");
  OK(TESSERA " inspect --help && " TESSERA " kernel --help");
  PRINTS("tessera kernel out/digpt.kern");
}
END_TEST

START_TEST(wrong_command_lines_are_refused) {
  ENDS(2, TESSERA " biuld");
  SAYS("unknown verb \"biuld\"");
  ENDS(2, TESSERA " build");
  SAYS("which description?");
  ENDS(2, TESSERA " build a.tess");
  SAYS("-o says where the program goes");
  ENDS(2, TESSERA " build a.tess b.tess -o p");
  SAYS("one description at a time");
  ENDS(2, TESSERA " build a.tess -o p --emit=bytes out");
  SAYS("found \"bytes\"");
  ENDS(2, TESSERA " build a.tess -o p --threads none");
  SAYS("a whole number of at least 1, found \"none\"");
  ENDS(2, TESSERA " build a.tess -o p --dump-after=fusion");
  SAYS("no pass is called \"fusion\"; expected ");
  SAYS("expected simplify, states, ");
  ENDS(2, TESSERA " build a.tess -o p --no-licence fast");
  SAYS("no licence is called \"fast\"; expected ");
  SAYS(", const");
  ENDS(2, TESSERA " build a.tess -o");
  SAYS("-o wants a value");
  ENDS(2, TESSERA " build a.tess -o ''");
  SAYS("-o wants a value");
  ENDS(2, TESSERA " build '' -o p");
  SAYS("found an empty argument");
  ENDS(2, TESSERA " inspect p q");
  SAYS("one at a time; found \"q\" after \"p\"");
  ENDS(2, TESSERA " inspect p --yaml");
  SAYS("unknown option --yaml");
  ENDS(2, TESSERA " kernel");
  SAYS("which file?");
}
END_TEST

START_TEST(errors_of_the_users_leave_no_program) {
  ENDS(1, TESSERA " build missing.tess -o p");
  SAYS("missing.tess: error: cannot read the file: No such file");
  ENDS(1, VIT " -o p --target cpu:pdp11");
  SAYS("unknown target \"cpu:pdp11\"; expected cpu:NAME (native, znver5, ");
  ENDS(1, VIT " -D detph=1 -o p");
  SAYS("depth");
  ENDS(1, VIT " -D img=27 -o p");
  SAYS("error: ");
  ENDS(1, VIT " -o missing/p");
  SAYS("missing/p");
  ENDS(1, "ls -A | grep -vxE 'out|err'");
}
END_TEST

/* A tensor of as many elements as there may be is planned, whatever is done with it; the program says that no
 * machine has the memory. */
START_TEST(huge_tensors_are_planned) {
  static const char text[] =
      "train h(batch = 1, n = 1048576, m = 1048576) {\n"
      "  data x f32 [batch, n, m] = given()\n"
      "  data k i32 [batch, n] = given()\n"
      "  let a = sum(reduce(x, \"b n m -> b n\", \"sum\"), 1)\n"
      "  let b = mean(reduce(x, \"b n m -> b n\", \"mean\"))\n"
      "  let c = reduce(gather(x, k) * 2, \"b n m -> b m\", \"max\")\n"
      "  let d = reduce(window(x, axis = 1, size = 2, stride = 2), \"b n s m -> b n\", \"sum\")\n"
      "  let e = pad(x[:, 1:], before = (0, 1, 0)) + max(x, axis = -1) + sum(x)\n"
      "  report a, b, c, d, e\n"
      "}\n";
  static const int64_t n[] = {1 << 20, 1 << 20, 2, (int64_t)1 << 39};
  static const int64_t m[] = {1 << 20, (1 << 20) - 1, (int64_t)1 << 39, 2};
  run_write("h.tess", text, sizeof text - 1);
  for (int i = 0; i < 4; i++) {
    OK(TESSERA " build h.tess -D n=%lld -D m=%lld -o h", (long long)n[i], (long long)m[i]);
    ENDS(1, "./h bench --steps 1 --threads 1");
    SAYS("error: out of memory: the program needs ");
    SAYS("of /proc/meminfo\n");
  }
  ENDS(1, TESSERA " build h.tess -D n=2097152 -o h");
  SAYS("h.tess:2:8: error: input: found shape [1, 2097152, 1048576], expected positive dimensions and at "
       "most 2^40");
}
END_TEST

START_TEST(versions_are_told) {
  OK(TESSERA " --version");
  ck_assert_int_eq(strncmp(run_out, "tessera ", 8), 0);
  OK(VIT " -o p && ./p --version");
  PRINTS("classify of vit_classify.tess, built by tessera ");
  PRINTS(", source hash ");
}
END_TEST

/* Without a licence the simplified graph is another one, and the program says what it was built without. */
START_TEST(licences_are_refused) {
  OK(VIT " -o p --dump-after=simplify | grep '^%%' > all");
  OK(VIT " -o p --dump-after=simplify --no-licence const --no-licence=zero | grep '^%%' > other");
  ENDS(1, "cmp -s all other");
  OK(TESSERA " inspect p");
  PRINTS(", without zero, without const\n");
}
END_TEST

/* A full disk: nothing half-written stays. */
START_TEST(a_program_that_cannot_be_written_leaves_nothing) {
  ENDS(1, "ulimit -f 100; " VIT " -o p");
  SAYS("error: ");
  ENDS(1, "ls -A | grep -vxE 'out|err'");
}
END_TEST

/* Once the object is there, and while the linker runs. */
START_TEST(a_build_that_is_ended_leaves_nothing) {
  static const char *const waits[] = {"0", "0.01", "0.03"};
  for (int i = 0; i < 3; i++) {
    char command[800];
    snprintf(command, sizeof command,
             VIT " -o p & pid=$!; until ls .tessera.*/object.o >/dev/null 2>&1; do kill -0 $pid || exit 9; "
                 "done; sleep %s; "
                 "kill -TERM $pid; wait $pid; status=$?; sleep 0.2; exit $status",
             waits[i]);
    ENDS(128 + 15, "%s", command);
    ENDS(1, "ls -A | grep '^[.]'");
  }
}
END_TEST

/* Known before anything is computed; what is there stays as it is. */
START_TEST(names_that_no_program_can_have_are_refused_at_once) {
  OK("cp " MODELS
     "/vit_classify.tess own.tess && echo 'tessera fusion 1' >own.fuse && mkfifo pipe && mkdir -p dir");
  ENDS(1, TESSERA " build own.tess -o ./own.tess");
  SAYS("./own.tess: error: cannot write the file: it would take the place of the input own.tess\n");
  ENDS(1, TESSERA " build own.tess --fusion own.fuse -o own.fuse");
  SAYS("own.fuse: error: cannot write the file: it would take the place of the input own.fuse\n");
  ENDS(1, TESSERA " explain own.tess --report own.tess");
  SAYS("own.tess: error: cannot write the file: it would take the place of the input own.tess\n");
  ENDS(1, VIT " -o pipe");
  SAYS("pipe: error: cannot write the file: there is a device or a pipe, expected a file or nothing\n");
  ENDS(1, VIT " -o dir");
  SAYS("dir: error: cannot write the file: Is a directory\n");
  ENDS(1, TESSERA " build missing.tess -o nowhere/p");
  SAYS("nowhere/p: error: cannot write the file: No such file or directory\n");
  OK("cmp own.tess " MODELS "/vit_classify.tess && test -p pipe");
}
END_TEST

/* Whatever option or import named it; links are followed, and an older program leaves its mode. */
START_TEST(a_program_takes_the_place_of_no_input) {
  OK("cp -r " MODELS "/lib lib && cp " MODELS
     "/vit_classify.tess own.tess && cp lib/nn.tess nn && echo 1 >sizes");
  ENDS(1, TESSERA " build own.tess -D depth=1 -o lib/nn.tess");
  SAYS("lib/nn.tess: error: cannot write the file: it would take the place of the input ");
  ENDS(1, TESSERA " build own.tess -D @sizes -o sizes");
  SAYS("it would take the place of the input sizes");
  ENDS(1, TESSERA " explain own.tess --write lib/nn.tess --force");
  ENDS(1, TESSERA " explain own.tess --write a --report ./a");
  SAYS("a: error: cannot write the file: two outputs have this one name");
  OK("cmp lib/nn.tess nn && test $(cat sizes) = 1 && test ! -e a");
  OK("mkdir far && echo old >far/p && chmod 640 far/p && ln -s far/p -- -p && " TESSERA
     " build -D depth=1 -o-p -- own.tess && test -L ./-p && test $(stat -c %%a far/p) = 750 && far/p info "
     ">/dev/null");
  OK("mkfifo wait && ! timeout 20 " TESSERA
     " build wait -o q 2>said && grep -q 'expected a file, found a pipe' said");
  OK("! timeout 20 " TESSERA
     " build own.tess -D @wait -o q 2>said && grep -q 'expected a file, found a pipe' said");
  ENDS(1, TESSERA " --help >&-");
  SAYS("cannot write to standard output: Bad file descriptor");
}
END_TEST

/* A strategy that was edited stays as it is. */
START_TEST(explain_writes_over_nothing) {
  OK("printf mine >mine.fuse");
  ENDS(1, TESSERA " explain " MODELS "/vit_classify.tess -D depth=1 --write mine.fuse");
  SAYS("mine.fuse: error: cannot write the file: it exists; --force replaces it\n");
  OK("grep -q mine mine.fuse");
  OK(TESSERA " explain " MODELS "/vit_classify.tess -D depth=1 --write mine.fuse --force");
  OK("head -n 1 mine.fuse | grep -qx 'tessera fusion 1'");
}
END_TEST

/* In a folder without models/ the shipped ones are meant; a file that is there goes first. */
START_TEST(shipped_descriptions_are_found_anywhere) {
  OK("mkdir -p else && cd else && " TESSERA
     " build models/vit_classify.tess -D depth=1 --fusion models/fusion/none.fuse -o p");
  ENDS(1, "cd else && " TESSERA " build models/missing.tess -o p");
  SAYS("models/missing.tess: error: cannot read the file");
  OK("mkdir else/models && echo oops >else/models/vit_classify.tess");
  ENDS(1, "cd else && " TESSERA " build models/vit_classify.tess -o p");
  SAYS("oops");
}
END_TEST

/* A reader that has seen enough is no error. */
START_TEST(a_closed_pipe_is_no_error) {
  OK("{ " TESSERA " explain " MODELS "/vit_classify.tess -D depth=1 --json; } | head -c 10 >/dev/null");
  ck_assert_str_eq(run_err, "");
  OK("{ " TESSERA " compare " MODELS "/vit_classify.tess -D depth=1 -D batch=2 --steps 1 --rounds 1 auto; } "
     "| true");
  ck_assert_str_eq(run_err, "");
}
END_TEST

/* What goes to a device or a pipe goes there; what is not taken whole is an error. */
START_TEST(what_is_printed_is_printed_whole_or_an_error) {
  OK("mkfifo into; cat into >whole & " TESSERA " explain " MODELS
     "/vit_classify.tess -D depth=1 --write into; wait");
  OK("head -n 1 whole");
  PRINTS("tessera fusion 1\n");
  ENDS(1, TESSERA " help >/dev/full");
  SAYS("cannot write to standard output: No space left on device");
  ENDS(1, TESSERA " explain " MODELS "/vit_classify.tess -D depth=1 --json >/dev/full");
  SAYS("cannot write to standard output: No space left on device");
  ENDS(1, TESSERA " explain " MODELS "/vit_classify.tess -D depth=1 --write /dev/full");
  SAYS("/dev/full: error: cannot write the file: No space left on device");
  ENDS(1, "ulimit -f 8; " VIT " -o p --emit=kernels full");
  SAYS("full/p.kern: error: cannot write the file: File too large");
  ENDS(1, "ls full | grep .");
}
END_TEST

static Source *emitted(Arena *a, const char *name) {
  char path[600];
  snprintf(path, sizeof path, "%s/stages/%s", run_dir, name);
  Source *s = diag_read(a, path);
  ck_assert_ptr_nonnull(s);
  return s;
}

START_TEST(the_graph_reads_back) {
  Arena *a = arena_new();
  OK(VIT " -o p --emit=graph stages");
  Source *s = emitted(a, "p.graph");
  Graph *g = graph_parse(a, s);
  ck_assert_ptr_nonnull(g);
  ck_assert(graph_verify(g));
  ck_assert_str_eq(graph_print(a, g), s->text);
  arena_free(a);
}
END_TEST

START_TEST(the_kernels_read_back) {
  Arena *a = arena_new();
  OK(VIT " -o p --emit kernels stages");
  Source *s = emitted(a, "p.kern");
  KernList *list = kern_parse(a, s, KPLAN_RULES(&cpu_plans));
  const char *at = s->text;
  ck_assert_ptr_nonnull(list);
  ck_assert_int_gt(list->n, 10);
  for (int i = 0; i < list->n; i++) {
    const char *text = kern_print(a, list->k[i]);
    ck_assert(kern_verify(list->k[i]));
    ck_assert_msg(!strncmp(at, text, strlen(text)), "%s\nis printed as\n%s", at, text);
    at += strlen(text) + 1;
  }
  arena_free(a);
}
END_TEST

START_TEST(code_can_be_looked_at) {
  OK(VIT " -o p --emit=llvm stages --emit=asm stages --dump-after=launch");
  OK("grep -q 'define void @dot_' stages/p.ll && grep -q 'vfmadd' stages/p.s");
}
END_TEST

START_TEST(what_a_pass_changed_can_be_looked_at) {
  OK(VIT " -o p --dump-diff=simplify");
  PRINTS("--- before simplify\n+++ after simplify\n@@ ");
  OK(VIT " -o p --dump-diff=tables");
  PRINTS("# tables changed nothing\n");
  OK(VIT " -o p --dump-diff=memory >memory; grep -c '^+  b' memory; grep -c '^[-+]%%' memory || true");
  ck_assert_int_gt(atoi(run_out), 50);
  ck_assert_str_eq(strchr(run_out, '\n'), "\n0\n");
  ENDS(2, VIT " -o p --dump-diff=fusion");
  SAYS("no pass is called \"fusion\"");
}
END_TEST

#define NAMES                                                                                                \
  "import json; print(*[k['name'] for k in json.load(open('p.json'))['kernels'] if 'sum' in k['text']][:3])"
#define FIRST "import json; print(json.load(open('p.json'))['kernels'][0]['text'], end='')"

/* A kernel of a real program is a text of its own. */
START_TEST(a_kernel_can_be_sent_to_somebody) {
  OK(VIT " -D batch=4 -o p && " TESSERA " inspect p --json >p.json");
  OK("for k in $(python3 -c \"" NAMES "\"); do " TESSERA " inspect p --kernel $k >$k.kern && " TESSERA
     " kernel $k.kern --seconds 0 || exit 1; done");
  PRINTS("one thread: peak ");
  PRINTS(" GFLOP/s (");
  PRINTS(" % of peak), ");
  PRINTS(" % of a copy), apart from the interpreter by ");
  OK("python3 -c \"" FIRST "\" >a && " TESSERA
     " inspect p --kernel $(sed -n '1s/compute \\([^ ]*\\).*/\\1/p' a) >b && cmp a b");
  /* Without the role of an axis no loop has a value for it, which no rule says. */
  OK("sed '/^  role m:/d' $(grep -l 'cpu dot' *.kern | head -1) >lost.kern");
  ENDS(1, TESSERA " kernel lost.kern --seconds 0 --no-check");
  SAYS("lost.kern:");
  SAYS(" does not fit its plan: axis ");
  ENDS(1, TESSERA " inspect p --kernel nothing");
  SAYS("p: error: it has no kernel of that name; without --kernel, inspect lists them");
  ENDS(2, TESSERA " inspect p --kernel nothing --json");
  SAYS("not both");
}
END_TEST

static void write_kernel(const char *index, const char *plan) {
  char text[1000];
  snprintf(text, sizeof text,
           "compute k { axis i:4\n in x[4] : f32\n out y[4] : f32\n v[i] = x[%s]\n store v[i] -> y[i] }\n%s",
           index, plan);
  run_write("k.kern", text, strlen(text));
}

START_TEST(wrong_kernels_are_refused) {
  static const char large[] = "compute k { axis i:1099511627776\n in x[1099511627776] : f32\n out "
                              "y[1099511627776] : f32\n v[i] = x[i]\n"
                              " store v[i] -> y[i] }\nplan k cpu flat { role points: i; role lane: i }\n";
  ENDS(1, TESSERA " kernel missing.kern");
  SAYS("missing.kern: error: cannot read the file");
  run_write("k.kern", "# nothing\n", 10);
  ENDS(1, TESSERA " kernel k.kern");
  SAYS("k.kern: error: there is no kernel here");
  write_kernel("i + 1", "plan k cpu flat { role points: i; role lane: i }\n");
  ENDS(1, TESSERA " kernel k.kern");
  SAYS("k.kern:4:");
  SAYS("K10");
  write_kernel("i", "");
  ENDS(1, TESSERA " kernel k.kern");
  SAYS("kernel k has no plan for cpu");
  ENDS(1, TESSERA " kernel k.kern --kernel other");
  SAYS("no kernel is called other here");
  ENDS(1, TESSERA " kernel k.kern --target cpu:pdp11");
  SAYS("unknown target \"cpu:pdp11\"; expected cpu:NAME (native, ");
  run_write("k.kern", large, strlen(large));
  ENDS(1, TESSERA " kernel k.kern");
  SAYS("kernel k and the interpreter need 16384.0 GiB for its buffers");
}
END_TEST

/* Sums in another order; the data are always the same: 2.7e-6 apart at most. */
START_TEST(kernels_agree_with_the_interpreter) {
  OK(VIT " -D batch=4 -o p --emit=kernels stages");
  OK(TESSERA " kernel stages/p.kern --seconds 0");
  int n = 0;
  for (const char *p = run_out; (p = strstr(p, "interpreter by ")); n++)
    ck_assert_msg(strtod(p += 15, NULL) < 1.5e-5, "%.80s", p - 60);
  ck_assert_int_gt(n, 10);
}
END_TEST

START_TEST(inspect_reads_a_program) {
  OK(VIT " -o p && " TESSERA " inspect p");
  PRINTS("classify of vit_classify.tess, built by tessera ");
  PRINTS("-D depth=1\n");
  PRINTS("param  student  blocks.0.attn.qkv.weight f32[384, 128] at ");
  PRINTS("entry micro, ");
  PRINTS("f32 group0, always");
  OK(TESSERA " inspect p --json | python3 -c 'import json, sys; json.load(sys.stdin)'");
}
END_TEST

START_TEST(inspect_refuses_other_files) {
  ENDS(1, TESSERA " inspect /bin/sh");
  SAYS("/bin/sh: error: not a program of Tessera");
  ENDS(1, "head -c 100 /bin/sh >cut; " TESSERA " inspect cut");
  SAYS("cut: error: not a program of Tessera");
  ENDS(1, TESSERA " inspect /dev/zero");
  SAYS("/dev/zero: error: cannot read the file: expected a file, found a device");
  ENDS(1, TESSERA " inspect missing");
  SAYS("missing: error: cannot read the file");
  OK(VIT " -o p && objcopy --dump-section .tessera.manifest=m p");
  ENDS(1, "head -c 1000 m >short && objcopy --update-section .tessera.manifest=short p && " TESSERA
          " inspect p");
  SAYS("p: error: the manifest is damaged");
}
END_TEST

SUITE("driver") {
  tcase_add_checked_fixture(t, run_fresh, run_clean);
  tcase_add_test(t, help_teaches_by_examples);
  tcase_add_test(t, wrong_command_lines_are_refused);
  tcase_add_test(t, errors_of_the_users_leave_no_program);
  tcase_add_test(t, huge_tensors_are_planned);
  tcase_add_test(t, versions_are_told);
  tcase_add_test(t, licences_are_refused);
  tcase_add_test(t, a_program_that_cannot_be_written_leaves_nothing);
  tcase_add_test(t, a_build_that_is_ended_leaves_nothing);
  tcase_add_test(t, names_that_no_program_can_have_are_refused_at_once);
  tcase_add_test(t, what_is_printed_is_printed_whole_or_an_error);
  tcase_add_test(t, a_program_takes_the_place_of_no_input);
  tcase_add_test(t, explain_writes_over_nothing);
  tcase_add_test(t, shipped_descriptions_are_found_anywhere);
  tcase_add_test(t, a_closed_pipe_is_no_error);
  tcase_add_test(t, the_graph_reads_back);
  tcase_add_test(t, the_kernels_read_back);
  tcase_add_test(t, code_can_be_looked_at);
  tcase_add_test(t, what_a_pass_changed_can_be_looked_at);
  tcase_add_test(t, a_kernel_can_be_sent_to_somebody);
  tcase_add_test(t, wrong_kernels_are_refused);
  tcase_add_test(t, kernels_agree_with_the_interpreter);
  tcase_add_test(t, inspect_reads_a_program);
  tcase_add_test(t, inspect_refuses_other_files);
}
