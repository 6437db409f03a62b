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
static V times_power_of_two(CpuFn *f, V x, V n, V low) {
  LLVMTypeRef i32 = LLVMInt32TypeInContext(f->cx), i16 = LLVMInt16TypeInContext(f->cx);
  if (f->cpu->lanes == 16 && cpu_width(x) == 16) {
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
  return times_power_of_two(f, add(f, e, cpu_f32(f, e, 1)), n, low);
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

/* x - n pi/2 for the n that makes it least, in f64 with pi/2 in two parts: exact to 1e-15 as long as n is
 * exact, for |x| <= 2^46. `low`: n modulo 2^32. */
static V in_quadrant(CpuFn *f, V x, V *low) {
  LLVMTypeRef f64 = LLVMDoubleTypeInContext(f->cx), i64 = LLVMInt64TypeInContext(f->cx);
  V wide = LLVMBuildFPExt(f->b, x, cpu_like(f64, x), "");
  const double parts[] = {0x1.45f306dc9c883p-1, 0x1.8p52, -0x1.921fb54442d18p0, -0x1.1a62633145c07p-54};
  V part[4];
  for (int i = 0; i < 4; i++) part[i] = cpu_splat(f, LLVMConstReal(f64, parts[i]), cpu_width(x));
  V shifted = cpu_fma(f, wide, part[0], part[1]); /* n in its last bits */
  V whole = LLVMBuildBitCast(f->b, shifted, cpu_like(i64, x), "");
  *low = LLVMBuildTrunc(f->b, whole, cpu_like(LLVMInt32TypeInContext(f->cx), x), "");
  V n = LLVMBuildFSub(f->b, shifted, part[1], "");
  V rest = cpu_fma(f, n, part[3], cpu_fma(f, n, part[2], wide));
  return LLVMBuildFPTrunc(f->b, rest, LLVMTypeOf(x), "");
}

/* sin(x + quarter * pi/2). */
static V sin_shifted(CpuFn *f, V x, int quarter) {
  static const double s[] = {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1};
  static const double c[] = {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2};
  V low, r = in_quadrant(f, x, &low), z = mul(f, r, r);
  V sine = cpu_fma(f, mul(f, polynomial(f, z, s, 3), z), r, r);
  V cosine =
      cpu_fma(f, mul(f, z, z), polynomial(f, z, c, 3), cpu_fma(f, z, cpu_f32(f, z, -0.5), cpu_f32(f, z, 1)));
  V q = LLVMBuildAdd(f->b, low, cpu_i32(f, low, quarter), "");
  V odd = LLVMBuildTrunc(f->b, q, cpu_like(LLVMInt1TypeInContext(f->cx), q), "");
  V sign = LLVMBuildShl(f->b, LLVMBuildAnd(f->b, q, cpu_i32(f, q, 2), ""), cpu_i32(f, q, 30), "");
  V r2 = LLVMBuildSelect(f->b, odd, cosine, sine, "");
  V near = LLVMBuildFCmp(f->b, LLVMRealOLE, absolute(f, x), cpu_f32(f, x, 0x1p46), "");
  V y = number(f, LLVMBuildXor(f->b, bits(f, r2), sign, ""));
  return LLVMBuildSelect(f->b, near, y, cpu_f32(f, x, 0.0 / 0.0), "");
}

/* Absolute error below 1.2e-7 for |x| <= 2^46; NaN beyond, where neighbours of f32 are 2^23 apart. */
V cpu_math_sin(CpuFn *f, V x) {
  return sin_shifted(f, x, 0);
}

V cpu_math_cos(CpuFn *f, V x) {
  return sin_shifted(f, x, 1);
}

enum { POWERS = 5, ENTRIES = 32 };

/* coefficient[p][j]: of t^p where |x| = j/8 + t. Chebyshev interpolation of erf in each interval; in the
 * first, of erf(t)/t over t >= 0, so that small results are right to 1 ulp; in the last, a line that
 * reaches 1. Rounded to f32: 5e-8 from erf. */
static const float coefficient[POWERS][ENTRIES] = {
    {0x0.0p+0F,      0x1.1f5e1ap-3F, 0x1.1af54ep-2F, 0x1.9dd0d2p-2F, 0x1.0a7ef6p-1F, 0x1.3f196ep-1F,
     0x1.6c1c98p-1F, 0x1.91724ap-1F, 0x1.af767ap-1F, 0x1.c6dad2p-1F, 0x1.d8865ep-1F, 0x1.e5768cp-1F,
     0x1.eea556p-1F, 0x1.f4f694p-1F, 0x1.f92d08p-1F, 0x1.fbe61ep-1F, 0x1.fd9ae2p-1F, 0x1.fea422p-1F,
     0x1.ff4048p-1F, 0x1.ff9960p-1F, 0x1.ffcaa8p-1F, 0x1.ffe514p-1F, 0x1.fff2d0p-1F, 0x1.fff9bap-1F,
     0x1.fffd1ap-1F, 0x1.fffeb4p-1F, 0x1.ffff70p-1F, 0x1.ffffc4p-1F, 0x1.ffffe8p-1F, 0x1.fffff6p-1F,
     0x1.fffffcp-1F, 0x1.fffffep-1F},
    {0x1.20dd74p+0F,  0x1.1c62f2p+0F,  0x1.0f5d10p+0F,  0x1.f5f0c6p-1F,  0x1.c1efcap-1F,  0x1.86e96ep-1F,
     0x1.492e4cp-1F,  0x1.0cab6cp-1F,  0x1.a91206p-2F,  0x1.45e9b0p-2F,  0x1.e4654ep-3F,  0x1.5ce5aap-3F,
     0x1.e72386p-4F,  0x1.499d4ap-4F,  0x1.b05520p-5F,  0x1.12ce96p-5F,  0x1.529b5cp-6F,  0x1.9461cep-7F,
     0x1.d41360p-8F,  0x1.0690e0p-8F,  0x1.1d821cp-9F,  0x1.2ce73ep-10F, 0x1.335f08p-11F, 0x1.30515ep-12F,
     0x1.24064ep-13F, 0x1.0f9b26p-14F, 0x1.e9af78p-16F, 0x1.abd9e4p-17F, 0x1.6a52b2p-18F, 0x1.2963eep-19F,
     0x1.d92b06p-21F, 0x1.000000p-20F},
    {0x1.cd07aep-18F,  -0x1.1c62ecp-3F,  -0x1.0f5d0ap-2F,  -0x1.78748ap-2F,  -0x1.c1efbap-2F,
     -0x1.e8a3b6p-2F,  -0x1.edc55cp-2F,  -0x1.d62be8p-2F,  -0x1.a911f2p-2F,  -0x1.6ea6d4p-2F,
     -0x1.2ebf44p-2F,  -0x1.dfbbbcp-3F,  -0x1.6d5aa2p-3F,  -0x1.0bcfd4p-3F,  -0x1.7a4a96p-4F,
     -0x1.01a1cep-4F,  -0x1.529ba0p-5F,  -0x1.ada86ap-6F,  -0x1.074b52p-6F,  -0x1.37ccb6p-7F,
     -0x1.64e3a4p-8F,  -0x1.8af0ecp-9F,  -0x1.a6a492p-10F, -0x1.b57764p-11F, -0x1.b60c6cp-12F,
     -0x1.a865e2p-13F, -0x1.8de274p-14F, -0x1.690406p-15F, -0x1.3d0cacp-16F, -0x1.0d86d6p-17F,
     -0x1.bba082p-19F, 0x0.0p+0F},
    {-0x1.81b764p-2F, -0x1.6ecff2p-2F, -0x1.3c30e2p-2F, -0x1.e09268p-3F, -0x1.2be264p-3F, -0x1.c92878p-5F,
     0x1.b2a76ap-6F,  0x1.7b45b0p-4F,  0x1.1ab056p-3F,  0x1.4c16eap-3F,  0x1.56a442p-3F,  0x1.43267ap-3F,
     0x1.1c03e8p-3F,  0x1.d65810p-4F,  0x1.716a90p-4F,  0x1.1477b4p-4F,  0x1.8b90cap-5F,  0x1.0f2456p-5F,
     0x1.64c99ap-6F,  0x1.c34266p-7F,  0x1.129848p-7F,  0x1.41d97cp-8F,  0x1.6b9334p-9F,  0x1.8c1390p-10F,
     0x1.a05280p-11F, 0x1.a66918p-12F, 0x1.9ddce2p-13F, 0x1.87aeeep-14F, 0x1.662c5ap-15F, 0x1.3c8c06p-16F,
     0x1.0e6fb0p-17F, 0x0.0p+0F},
    {0x1.cd7c78p-7F,   0x1.18f8b0p-4F,   0x1.03a6e0p-3F,   0x1.54a982p-3F,   0x1.76727cp-3F,
     0x1.68fa02p-3F,   0x1.34569ap-3F,   0x1.cc2b38p-4F,   0x1.1b78d0p-4F,   0x1.cb8e3ap-6F,
     -0x1.8cda7ap-8F,  -0x1.f1f350p-6F,  -0x1.6c94c8p-5F,  -0x1.96b86ep-5F,  -0x1.89b1d6p-5F,
     -0x1.5a074cp-5F,  -0x1.1a2796p-5F,  -0x1.b00a86p-6F,  -0x1.38e4eap-6F,  -0x1.aed8d6p-7F,
     -0x1.1afc50p-7F,  -0x1.638cd4p-8F,  -0x1.ac1bc0p-9F,  -0x1.eec088p-10F, -0x1.12ba5ep-10F,
     -0x1.257d06p-11F, -0x1.2dd734p-12F, -0x1.2b0feap-13F, -0x1.1d9fc0p-14F, -0x1.07155cp-15F,
     -0x1.d39986p-17F, 0x0.0p+0F},
};

static LLVMValueRef constant_row(CpuFn *f, int power, int from, int n) {
  LLVMValueRef c[ENTRIES];
  for (int i = 0; i < n; i++)
    c[i] = LLVMConstReal(LLVMFloatTypeInContext(f->cx), (double)coefficient[power][from + i]);
  return LLVMConstVector(c, (unsigned)n);
}

/* The table in memory, for targets whose registers hold fewer than 16 numbers; one a module. */
static LLVMValueRef table(CpuFn *f) {
  static const char name[] = "tess.erf";
  LLVMValueRef g = LLVMGetNamedGlobal(f->mod, name);
  if (g) return g;
  LLVMTypeRef row = LLVMArrayType2(LLVMFloatTypeInContext(f->cx), ENTRIES);
  LLVMValueRef rows[POWERS];
  for (int p = 0; p < POWERS; p++) {
    LLVMValueRef c[ENTRIES];
    for (int i = 0; i < ENTRIES; i++)
      c[i] = LLVMConstReal(LLVMFloatTypeInContext(f->cx), (double)coefficient[p][i]);
    rows[p] = LLVMConstArray2(LLVMFloatTypeInContext(f->cx), c, ENTRIES);
  }
  g = LLVMAddGlobal(f->mod, LLVMArrayType2(row, POWERS), name);
  LLVMSetInitializer(g, LLVMConstArray2(row, rows, POWERS));
  LLVMSetGlobalConstant(g, true);
  LLVMSetLinkage(g, LLVMInternalLinkage);
  return g;
}

static LLVMValueRef look_up(CpuFn *f, int power, LLVMValueRef index) {
  if (f->cpu->lanes == 16 && cpu_width(index) == 16) {
    LLVMValueRef arg[] = {constant_row(f, power, 0, 16), index, constant_row(f, power, 16, 16)};
    return cpu_call(f, "llvm.x86.avx512.vpermi2var.ps.512", NULL, arg, 3);
  }
  LLVMTypeRef f32 = LLVMFloatTypeInContext(f->cx);
  LLVMValueRef row = cpu_i64(f, (int64_t)power * ENTRIES);
  LLVMValueRef from = LLVMBuildGEP2(f->b, f32, table(f), &row, 1, "");
  LLVMValueRef sum = cpu_f32(f, index, 0);
  int width = cpu_width(index);
  for (int i = 0; i < width; i++) {
    LLVMValueRef at = LLVMConstInt(LLVMInt32TypeInContext(f->cx), (unsigned long long)i, false);
    LLVMValueRef one = width == 1 ? index : LLVMBuildExtractElement(f->b, index, at, "");
    LLVMValueRef v = LLVMBuildLoad2(f->b, f32, LLVMBuildGEP2(f->b, f32, from, &one, 1, ""), "");
    sum = width == 1 ? v : LLVMBuildInsertElement(f->b, sum, v, at, "");
  }
  return sum;
}

/* Absolute error below 1.2e-7, 2.5 ulp for |x| < 1/16; erf of what exceeds 3.93 is 1. Adding 2^20 rounds |x|
 * to a multiple of 1/8 and leaves its number in the low bits. */
LLVMValueRef cpu_math_erf(CpuFn *f, LLVMValueRef x) {
  LLVMTypeRef t = LLVMTypeOf(x), i32 = cpu_like(LLVMInt32TypeInContext(f->cx), x);
  LLVMValueRef a = cpu_call(f, "llvm.fabs", t, &x, 1), most = cpu_f32(f, x, 3.93);
  a = LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, LLVMRealOGT, a, most, ""), most, a, "");
  LLVMValueRef magic = cpu_f32(f, x, 0x1p20), shifted = LLVMBuildFAdd(f->b, a, magic, "");
  LLVMValueRef index = LLVMBuildAnd(f->b, LLVMBuildBitCast(f->b, shifted, i32, ""), cpu_i32(f, x, 31), "");
  LLVMValueRef d = LLVMBuildFSub(f->b, a, LLVMBuildFSub(f->b, shifted, magic, ""), "");
  LLVMValueRef r = look_up(f, POWERS - 1, index);
  for (int p = POWERS - 2; p >= 0; p--) r = cpu_fma(f, r, d, look_up(f, p, index));
  return cpu_call(f, "llvm.copysign", t, (LLVMValueRef[]){r, x}, 2);
}
