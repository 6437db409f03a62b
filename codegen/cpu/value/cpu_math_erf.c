/* erf by table: 32 intervals of width 1/8 centred on multiples of 1/8, a polynomial of degree 4 in each. The
 * coefficients fit one pair of 512-bit registers a power, so that a lookup is one permutation. */
#include "codegen/cpu/value/cpu_math.h"

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
  if (f->target->lanes == 16 && cpu_width(index) == 16) {
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
