/* The verifier: a graph that keeps every rule passes, and each rule broken once is reported with its number.
 */
#include <string.h>

#include "tests/ir/graph_case.h"
#include "tests/suite.h"

/* p, q: parameters in the group all; m: a slot of p; images -> y = w images; loss; update of p and m. */
typedef struct Sound {
  Arena *a;
  Graph *g;
  State *p, *q, *all, *m, *flag;
  Node *images, *read, *y, *loss, *rate;
} Sound;

static Sound sound(void) {
  Sound s = {.a = arena_new()};
  Graph *g = s.g = graph_new(s.a);
  s.p = graph_state(g, ST_PARAM, "p", DT_F32, SHAPE(2, 3), graph_random(g, 1, SHAPE(2, 3)));
  s.q = graph_state(g, ST_PARAM, "q", DT_F32, SHAPE(4), NULL);
  s.all = graph_state(g, ST_GROUP, "all", DT_F32, SHAPE(10), NULL);
  s.m = graph_state(g, ST_SLOT, "m", DT_F32, SHAPE(10), NULL);
  s.flag = graph_state(g, ST_TEMP, "flag", DT_BOOL, (Shape){0}, NULL);
  s.p->group = s.q->group = s.all;
  s.q->offset = 6;
  s.m->of = s.all;
  g->finite = s.flag;
  s.images = graph_input(g, "images", DT_F32, SHAPE(5, 3));
  s.read = graph_read(g, s.p);
  s.y = graph_contract(g, "bk,ok->bo", s.images, s.read);
  s.loss = graph_reduce(g, GR_SUM, s.y, 3);
  graph_setting(g, "lr", 1, "");
  s.rate = graph_step(g, "lr");
  graph_value(g, EN_MICRO, "images", s.images, V_DATA | V_SUPPLY)->source = "image";
  graph_value(g, EN_MICRO, "loss", s.loss, V_LOSS | V_REPORT);
  graph_assign(g, EN_UPDATE, s.p, graph_map2(g, E_MUL, s.read, s.rate));
  graph_assign(g, EN_UPDATE, s.m, graph_read(g, s.all));
  return s;
}

START_TEST(a_sound_graph_passes) {
  Sound s = sound();
  ck_assert(graph_verify(s.g));
  arena_free(s.a);
}
END_TEST

static void swap_nodes(Sound *s) {
  Node *t = s->g->node[s->y->id];
  s->g->node[s->y->id] = s->g->node[s->images->id];
  s->g->node[s->images->id] = t;
}
static void unknown_field(Sound *s) {
  graph_step(s->g, "lrr");
}
static void wrong_assign(Sound *s) {
  s->g->entry[EN_UPDATE].assign[0].value = s->y;
}
static void assign_twice(Sound *s) {
  s->g->entry[EN_UPDATE].assign[1] = s->g->entry[EN_UPDATE].assign[0];
}
static void assign_group_and_member(Sound *s) {
  graph_assign(s->g, EN_UPDATE, s->all, graph_read(s->g, s->m));
}
static void same_name(Sound *s) {
  s->q->name = s->p->name;
}
static void wrong_first_value(Sound *s) {
  s->q->init = s->y;
}
static void member_outside(Sound *s) {
  s->q->offset = 7;
}
static void member_of_itself(Sound *s) {
  s->all->group = s->all;
}
static void members_overlap(Sound *s) {
  s->q->offset = 5;
}
static void wrong_owner(Sound *s) {
  s->m->of = s->flag;
}
static void wrong_flag(Sound *s) {
  s->g->finite = s->q;
}
static void same_value_name(Sound *s) {
  s->g->entry[EN_MICRO].value[1].name = s->g->entry[EN_MICRO].value[0].name;
}
static void value_of_two_types(Sound *s) {
  graph_value(s->g, EN_EVAL, "loss", s->read, V_REPORT);
}
static void supplied_twice(Sound *s) {
  graph_value(s->g, EN_MICRO, "pictures", s->images, V_SUPPLY);
}
static void data_that_is_none(Sound *s) {
  graph_value(s->g, EN_MICRO, "z", s->y, V_DATA);
}
static void index_without_bound(Sound *s) {
  graph_value(s->g, EN_MICRO, "index", graph_iota(s->g, DT_I32, SHAPE(3), 0), V_INDEX);
}
static void index_of_floats(Sound *s) {
  graph_value(s->g, EN_MICRO, "index", s->read, V_INDEX)->classes = 4;
}
static void loss_of_rank_2(Sound *s) {
  graph_value(s->g, EN_MICRO, "z", s->y, V_LOSS);
}
static void input_not_given(Sound *s) {
  graph_value(s->g, EN_EVAL, "z", s->y, V_REPORT);
}
static void supplied_state(Sound *s) {
  graph_value(s->g, EN_MICRO, "weights", s->read, V_SUPPLY);
}
static void too_many_supplied(Sound *s) {
  for (int i = 0; i < 64; i++) {
    char name[16];
    snprintf(name, sizeof name, "v%d", i);
    graph_value(s->g, EN_MICRO, name, graph_random(s->g, (uint64_t)i + 9, SHAPE(2)), V_SUPPLY);
  }
}
static void wrong_type(Sound *s) {
  s->y->shape.dim[0] = 6;
}
static void wrong_labels(Sound *s) {
  s->y->at.label[2][0] = 7;
}

static const struct {
  void (*spoil)(Sound *);
  const char *message;
} rules[] = {
    {swap_nodes, "G1: node %3: found an operand that does not precede it, expected all to"},
    {unknown_field, "G2: step: found field \"lrr\", expected one of the step block or a setting"},
    {wrong_assign, "G3: assignment to \"p\": found f32[5, 2], expected f32[2, 3]"},
    {assign_twice,
     "G4: assignment to \"p\": found one to \"p\" in the same entry, expected each memory once"},
    {assign_group_and_member,
     "G4: assignment to \"all\": found one to \"p\" in the same entry, expected each memory once"},
    {same_name, "G5: state \"p\": found twice, expected unique names"},
    {wrong_first_value, "G6: state \"q\": found a first value of type f32[5, 2], expected f32[4]"},
    {member_outside,
     "G7: state \"q\": found f32[4] at 7 in \"all\" of type f32[10], expected it inside a flat group"},
    {member_of_itself,
     "G7: state \"p\": found f32[2, 3] at 0 in \"all\" of type f32[10], expected it inside a flat group"},
    {members_overlap, "G8: states \"p\" and \"q\": found them at 0 and 5 in \"all\", expected them apart"},
    {wrong_owner,
     "G9: state \"m\": found it to be of \"flag\", expected a grad or slot of a parameter or group"},
    {wrong_flag, "G10: finite: found \"q\" of type f32[4], expected bool[]"},
    {same_value_name, "G11: value \"images\": found twice in an entry, expected unique names"},
    {value_of_two_types, "G11: value \"loss\": found f32[] and f32[2, 3] in two entries, expected one type"},
    {supplied_twice,
     "G12: values \"images\" and \"pictures\": found one node, expected one for each supplied value"},
    {data_that_is_none,
     "G13: data \"z\": found contract from \"\", expected an input from image, label, tensor or given"},
    {index_without_bound, "G13: index \"index\": found i32[3] below 0, expected i32 below a positive bound"},
    {index_of_floats, "G13: index \"index\": found f32[2, 3] below 4, expected i32 below a positive bound"},
    {loss_of_rank_2, "G13: loss \"z\": found f32[5, 2], expected a floating-point scalar"},
    {input_not_given,
     "G14: input \"images\": found no data or supplied value of it in entry eval, expected one"},
    {too_many_supplied, "G15: found 65 values that may be supplied, expected at most 64"},
    {supplied_state,
     "G16: value \"weights\": found the state \"p\" itself, expected a supplied value apart from it"},
    {wrong_type, "G28: node %3, contract: found type f32[6, 2], expected f32[5, 2]"},
    {wrong_labels, "G28: node %3, contract: found label 'a' in one operand alone, expected it in the other "
                   "or in the result "
                   "(sum over it first)"},
};

START_TEST(each_broken_rule_is_named) {
  Sound s = sound();
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  rules[_i].spoil(&s);
  diag_to(f);
  ck_assert(!graph_verify(s.g));
  fclose(f);
  diag_to(NULL);
  ck_assert_msg(strstr(text, rules[_i].message) != NULL, "missing: %s\nin:\n%s", rules[_i].message, text);
  free(text);
  arena_free(s.a);
}
END_TEST

SUITE("graph_verify") {
  tcase_add_test(t, a_sound_graph_passes);
  tcase_add_loop_test(t, each_broken_rule_is_named, 0, sizeof rules / sizeof *rules);
}
