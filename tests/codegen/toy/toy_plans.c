/* What the toy's plans may say, in words of its own; compiler and programs share it. */
#include "tests/codegen/toy/toy.h"

enum { ALL = (1 << SK_COUNT) - 1 };

static const KPlanNumber numbers[] = {[TOY_TURNS] = {"turns", ALL, 9}};
static const KPlanPlace places[PLAN_PLACES] = {
    [PLAN_ACC] = {"heap", 1 << SK_DOT, true}, [PLAN_ROW] = {"shelf", ALL, false}};

const KPlanRules toy_plans = {
    .word = "toy", .skeletons = ALL, .nnumber = 1, .number = numbers, .nplace = PLAN_PLACES, .place = places};
