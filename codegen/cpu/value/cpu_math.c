/* exp, log, erf, tanh, sin and cos of f32 by argument reduction and polynomials in fused multiply-adds. */
#include "codegen/cpu/value/cpu_math.h"

typedef LLVMValueRef V;

static V add(CpuFn *f, V x, V y) {
  return LLVMBuildFAdd(f->b, x, y, "");
}

static V mul(CpuFn *f, V x, V y) {
  return LLVMBuildFMul(f->b, x, y, "");
}

static V bits(CpuFn *f, V x) {
  return LLVMBuildBitCast(f->b, x, cpu_like(LLVMInt32TypeInContext(f->cx), x), "");
}

static V number(CpuFn *f, V u) {
  return LLVMBuildBitCast(f->b, u, cpu_like(LLVMFloatTypeInContext(f->cx), u), "");
}

static V absolute(CpuFn *f, V x) {
  return cpu_call(f, "llvm.fabs", LLVMTypeOf(x), &x, 1);
}

static V with_sign(CpuFn *f, V x, V sign) {
  return cpu_call(f, "llvm.copysign", LLVMTypeOf(x), (V[]){x, sign}, 2);
}

/* x, or c where x compares so with it; NaN stays. */
static V bounded(CpuFn *f, LLVMRealPredicate beyond, V x, double c) {
  V bound = cpu_f32(f, x, c);
  return LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, beyond, x, bound, ""), bound, x, "");
}

/* Horner's scheme, highest power first. */
static V polynomial(CpuFn *f, V x, const double *c, int n) {
  V r = cpu_f32(f, x, c[0]);
  for (int i = 1; i < n; i++) r = cpu_fma(f, r, x, cpu_f32(f, x, c[i]));
  return r;
}

/* The integer nearest to x * by, for results below 2^22: as a float, and (in *bits_of) as the low bits of an
 * i32. Adding 1.5 * 2^23 leaves it in the mantissa, so that no conversion meets a NaN. */
static V nearest(CpuFn *f, V x, double by, V *bits_of) {
  V magic = cpu_f32(f, x, 0x1.8p23);
  V shifted = cpu_fma(f, x, cpu_f32(f, x, by), magic);
  *bits_of = bits(f, shifted);
  return LLVMBuildFSub(f->b, shifted, magic, "");
}

/* 2^n for -127 < n < 128, n an i32. */
static V power_of_two(CpuFn *f, V n) {
  V biased = LLVMBuildAdd(f->b, n, cpu_i32(f, n, 127), "");
  return number(f, LLVMBuildShl(f->b, biased, cpu_i32(f, n, 23), ""));
}

/* x * 2^n, rounded once; n is a whole number whose low bits are those of `low` after the magic sum. Where
 * there is no instruction for it, in two steps: the first is exact. */
static V scaled(CpuFn *f, V x, V n, V low) {
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx), i16 = LLVMInt16TypeInContext(f->cx);
  if (f->target->lanes == 16 && cpu_width(x) == 16) {
    V arg[] = {x, n, x, LLVMConstAllOnes(i16), LLVMConstInt(i32, 4, false)}; /* 4: the current rounding */
    return cpu_call(f, "llvm.x86.avx512.mask.scalef.ps.512", NULL, arg, 5);
  }
  V whole = LLVMBuildSub(f->b, low, cpu_i32(f, low, 0x4b400000), "");
  V half = LLVMBuildAShr(f->b, whole, cpu_i32(f, low, 1), "");
  V rest = LLVMBuildSub(f->b, whole, half, "");
  return mul(f, mul(f, x, power_of_two(f, half)), power_of_two(f, rest));
}

/* Error below 1.1 ulp over all x, denormal results included; beyond the range infinity and 0.
 * exp(x) = 2^n exp(r), |r| <= ln(2)/2, exp(r) = 1 + r + r^2 P(r) with P of degree 4 (Chebyshev, 8e-9 of
 * exp). */
V cpu_math_exp(CpuFn *f, V x) {
  static const double p[] = {0x1.6d117cp-10, 0x1.120be2p-7, 0x1.555518p-5, 0x1.5554dcp-3, 0.5};
  x = bounded(f, LLVMRealOGT, x, 89);
  x = bounded(f, LLVMRealOLT, x, -104);
  V low, n = nearest(f, x, 0x1.715476p0, &low);
  V r = cpu_fma(f, n, cpu_f32(f, n, -0x1.62e43p-1), x);
  r = cpu_fma(f, n, cpu_f32(f, n, 0x1.05c61p-29), r);
  V e = cpu_fma(f, mul(f, r, r), polynomial(f, r, p, 5), r);
  return scaled(f, add(f, e, cpu_f32(f, e, 1)), n, low);
}

/* log of a normal x > 0, as Cephes' logf: x = 2^e m with sqrt(1/2) <= m < sqrt(2). */
static V log_normal(CpuFn *f, V x, V extra) {
  static const double p[] = {7.0376836292e-2,  -1.1514610310e-1, 1.1676998740e-1,
                             -1.2420140846e-1, 1.4249322787e-1,  -1.6668057665e-1,
                             2.0000714765e-1,  -2.4999993993e-1, 3.3333331174e-1};
  /* Subtracting sqrt(1/2)'s bits puts the exponent's step there. */
  V u = LLVMBuildSub(f->b, bits(f, x), cpu_i32(f, x, 0x3f3504f3), "");
  V e = LLVMBuildAShr(f->b, u, cpu_i32(f, u, 23), "");
  V m = LLVMBuildAnd(f->b, u, cpu_i32(f, u, 0x7fffff), "");
  m = number(f, LLVMBuildAdd(f->b, m, cpu_i32(f, u, 0x3f3504f3), ""));
  m = add(f, m, cpu_f32(f, m, -1));
  V n = add(f, LLVMBuildSIToFP(f->b, e, LLVMTypeOf(m), ""), extra);
  V z = mul(f, m, m);
  V y = mul(f, mul(f, polynomial(f, m, p, 9), m), z);
  y = cpu_fma(f, n, cpu_f32(f, n, -2.12194440e-4), y);
  y = cpu_fma(f, z, cpu_f32(f, z, -0.5), y);
  return cpu_fma(f, n, cpu_f32(f, n, 0.693359375), add(f, m, y));
}

/* Error below 1 ulp, near x = 1 below 6e-8; log 0 is -infinity, of negatives NaN. */
V cpu_math_log(CpuFn *f, V x) {
  V zero = cpu_f32(f, x, 0), inf = cpu_f32(f, x, 1.0 / 0.0);
  V tiny = LLVMBuildFCmp(f->b, LLVMRealOLT, x, cpu_f32(f, x, 0x1p-126), "");
  V scaled = LLVMBuildSelect(f->b, tiny, mul(f, x, cpu_f32(f, x, 0x1p24)), x, "");
  V r = log_normal(f, scaled, LLVMBuildSelect(f->b, tiny, cpu_f32(f, x, -24), zero, ""));
  V edge = LLVMBuildFCmp(f->b, LLVMRealOEQ, x, inf, "");
  r = LLVMBuildSelect(f->b, edge, inf, r, "");
  r = LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, LLVMRealOEQ, x, zero, ""), cpu_f32(f, x, -1.0 / 0.0), r, "");
  V nan = LLVMBuildFCmp(f->b, LLVMRealULT, x, zero, "");
  return LLVMBuildSelect(f->b, nan, cpu_f32(f, x, 0.0 / 0.0), r, "");
}

/* Absolute error below 1.5e-7 (1 ulp of results near 1), relative below 3e-7. For |x| < 0.625 an odd
 * polynomial (Cephes' tanhf), else 1 - 2 / (exp(2|x|) + 1). */
V cpu_math_tanh(CpuFn *f, V x) {
  static const double p[] = {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                             -3.33332819422e-1};
  V a = absolute(f, x), z = mul(f, a, a);
  V small = cpu_fma(f, mul(f, polynomial(f, z, p, 5), z), a, a);
  V e = cpu_math_exp(f, add(f, a, a));
  V quotient = LLVMBuildFDiv(f->b, cpu_f32(f, x, 2), add(f, e, cpu_f32(f, x, 1)), "");
  V large = LLVMBuildFSub(f->b, cpu_f32(f, x, 1), quotient, "");
  V is_small = LLVMBuildFCmp(f->b, LLVMRealOLT, a, cpu_f32(f, x, 0.625), "");
  return with_sign(f, LLVMBuildSelect(f->b, is_small, small, large, ""), x);
}

/* sin(x + quarter * pi/2). x - n pi/2 in three parts of pi/2: exact to 3e-8 absolute for |x| <= 1e5. */
static V sin_shifted(CpuFn *f, V x, int quarter) {
  static const double s[] = {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1};
  static const double c[] = {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2};
  V low, n = nearest(f, x, 0x1.45f306p-1, &low);
  V r = cpu_fma(f, n, cpu_f32(f, n, -0x1.921fb6p0), x);
  r = cpu_fma(f, n, cpu_f32(f, n, 0x1.777a5cp-25), r);
  r = cpu_fma(f, n, cpu_f32(f, n, 0x1.ee59dap-50), r);
  V z = mul(f, r, r);
  V sine = cpu_fma(f, mul(f, polynomial(f, z, s, 3), z), r, r);
  V cosine =
      cpu_fma(f, mul(f, z, z), polynomial(f, z, c, 3), cpu_fma(f, z, cpu_f32(f, z, -0.5), cpu_f32(f, z, 1)));
  V q = LLVMBuildAdd(f->b, low, cpu_i32(f, low, quarter), "");
  V odd = LLVMBuildTrunc(f->b, q, cpu_like(LLVMInt1TypeInContext(f->cx), q), "");
  V sign = LLVMBuildShl(f->b, LLVMBuildAnd(f->b, q, cpu_i32(f, q, 2), ""), cpu_i32(f, q, 30), "");
  V r2 = LLVMBuildSelect(f->b, odd, cosine, sine, "");
  return number(f, LLVMBuildXor(f->b, bits(f, r2), sign, ""));
}

/* Absolute error below 1.2e-7 for |x| <= 1e5. */
V cpu_math_sin(CpuFn *f, V x) {
  return sin_shifted(f, x, 0);
}

V cpu_math_cos(CpuFn *f, V x) {
  return sin_shifted(f, x, 1);
}
