/* Names that people bring along from NumPy and PyTorch, and what they are here. */
#include <stdbool.h>
#include <string.h>

#include "frontend/eval/builtin.h"

typedef struct ForeignRow {
  const char *names; /* with a space behind each */
  const char *ours;
} ForeignRow;

static const ForeignRow name_rows[] = {
    {"where ", "write select(condition, a, b)"},
    {"reshape view flatten unflatten ravel ", "write rearrange(x, \"b (h d) -> b h d\", h = 4)"},
    {"transpose permute swapaxes swapdims movedim moveaxis t T mT ",
     "write rearrange(x, \"b n d -> b d n\")"},
    {"unsqueeze expand_dims newaxis ", "write rearrange(x, \"b n -> b n 1\")"},
    {"squeeze ", "write rearrange(x, \"b n 1 -> b n\")"},
    {"expand tile repeat_interleave ", "write repeat(x, \"d -> b d\", b = 8)"},
    {"broadcast_to expand_as ", "write broadcast(x, shape)"},
    {"cat concatenate hstack vstack ", "write concat((a, b), axis = 1)"},
    {"stack ", "write concat((rearrange(a, \"b d -> b 1 d\"), rearrange(b, \"b d -> b 1 d\")), axis = 1)"},
    {"chunk unbind tensor_split ",
     "write let a, b = rearrange(x, \"b (s d) -> s b d\", s = 2), or take spans: x[:, 0:3]"},
    {"matmul mm bmm dot inner tensordot outer ", "write einsum(a, b, \"b i d, b j d -> b i j\")"},
    {"relu ReLU ", "relu(x) is in lib/nn.tess"},
    {"maximum ", "write max(a, b)"},
    {"minimum ", "write min(a, b)"},
    {"clamp clip clip_by_value ", "write min(max(x, low), high)"},
    {"amax nanmax ", "write max(x, axis = -1)"},
    {"amin nanmin ", "write min(x, axis = -1)"},
    {"argmax argmin ", "argmax(x, axis = -1) and argmin are in lib/order.tess; accuracy is in lib/loss.tess"},
    {"cumsum ", "cumsum(x, axis = -1) is in lib/order.tess"},
    {"sort argsort ", "sort(x, axis = -1), argsort and ranks are in lib/order.tess"},
    {"topk top_k ", "let values, places = top_k(x, k) is in lib/order.tess"},
    {"diag diagonal trace ", "write einsum(x, \"i i -> i\")"},
    {"pow power ", "write x ^ 2"},
    {"square ", "write x ^ 2"},
    {"log1p ", "write log(1 + x)"},
    {"expm1 ", "write exp(x) - 1"},
    {"absolute fabs ", "write abs(x)"},
    {"reciprocal ", "write 1 / x"},
    {"std var std_mean var_mean ", "write mean((x - mean(x, -1)) ^ 2, -1)"},
    {"norm ", "write sqrt(sum(x ^ 2))"},
    {"prod ", "write exp(sum(log(x), -1)); product is of lists"},
    {"arange range linspace ", "write iota(n), or 0..n for a list"},
    {"full_like zeros_like ones_like empty empty_like ", "write full(shape(x), 0)"},
    {"rand random rand_like ", "write uniform((batch, 3))"},
    {"randn randn_like normal Normal ", "normal(shape) is in lib/init.tess"},
    {"gamma Gamma beta Beta ", "gamma(shape, alpha) and beta(shape, a, b) are in lib/random.tess"},
    {"randperm permutation ", "write random_permutation(batch, n) of lib/image.tess"},
    {"detach no_grad ", "write stop_gradient(x)"},
    {"take take_along_dim take_along_axis index_select ", "write gather(x, index)"},
    {"embedding Embedding ", "embedding(count, dim) is in lib/nn.tess"},
    {"astype type_as to float ", "write cast(x, f32)"},
    {"int long ", "write cast(x, i32)"},
    {"isnan isinf ", "write not isfinite(x)"},
    {"size ", "write shape(x), or name the dimensions of an argument: fn (x [B, D])"},
    {"unfold im2col sliding_window_view ", "write window(x, axis = 1, size = 3, stride = 1)"},
    {"sign sgn ", "write select(x > 0, 1, select(x < 0, -1, 0))"},
    {"True ", "write true"},
    {"False ", "write false"},
    {"None ", "write none"},
    {"softmax Softmax ", "softmax(x), over the last dimension, is in lib/nn.tess"},
    {"log_softmax LogSoftmax ", "log_softmax(x), over the last dimension, is in lib/nn.tess"},
    {"gelu GELU silu SiLU swish sigmoid Sigmoid quick_gelu ",
     "lib/nn.tess has gelu, silu, sigmoid and quick_gelu"},
    {"Tanh ", "write tanh(x)"},
    {"linear Linear Dense ", "linear(inputs, outputs) is in lib/nn.tess"},
    {"layer_norm LayerNorm ", "layer_norm(dim) is in lib/nn.tess"},
    {"rms_norm RMSNorm ", "rms_norm(dim) is in lib/nn.tess"},
    {"group_norm GroupNorm ", "group_norm(groups, channels) is in lib/nn.tess"},
    {"dropout Dropout ", "dropout(x, rate) is in lib/nn.tess"},
    {"conv2d Conv2d ", "conv2d(inputs, outputs, size, stride, padding, groups) is in lib/conv.tess"},
    {"max_pool2d MaxPool2d avg_pool2d AvgPool2d ",
     "max_pool2d(x, size, stride, padding) and avg_pool2d are in lib/conv.tess"},
    {"AdaptiveAvgPool2d AdaptiveMaxPool2d adaptive_avg_pool2d adaptive_max_pool2d ",
     "global_avg_pool(x) and global_max_pool(x) are in lib/conv.tess"},
    {"attention MultiheadAttention scaled_dot_product_attention attend ",
     "attention(dim, heads) and attend(q, k, v) are in lib/nn.tess"},
    {"mlp ", "mlp(dim, hidden) is in lib/nn.tess"},
    {"drop_path DropPath stochastic_depth ", "drop_path(x, rate) is in lib/nn.tess"},
    {"cross_entropy CrossEntropyLoss nll_loss ",
     "cross_entropy(logits, one_hot(labels, classes)) is in lib/loss.tess"},
    {"mse_loss MSELoss ", "squared_error(x, target) is in lib/loss.tess"},
    {"one_hot ", "one_hot(labels, classes) is in lib/loss.tess"},
    {"normalize Normalize ", "normalise(pixels, mean, std) is in lib/image.tess"},
    {"interpolate resize ", "resize_bilinear(x, height, width) is in lib/image.tess"},
    {"Adam AdamW adam adamw ", "adamw(lr = ..) is in lib/optim.tess"},
    {"SGD sgd ", "sgd(lr = ..) is in lib/optim.tess"},
    {"Lion lion ", "lion(lr = ..) is in lib/optim.tess"},
    {"clip_grad_norm_ clip_grad_norm ", "write clip 1 in the train block"},
};

static const ForeignRow argument_rows[] = {
    {"dim dims axes ", "write axis = .."},
    {"keepdim keepdims ",
     "axes that are reduced stay with size 1; reduce(x, \"b n d -> b d\", \"sum\") drops them"},
    {"dtype ", "write type = .."},
};

/* Whether the word is one of the row's. */
static bool row_has(const ForeignRow *row, const char *word) {
  size_t len = strlen(word);
  for (const char *p = row->names; *p; p = strchr(p, ' ') + 1)
    if (!strncmp(p, word, len) && p[len] == ' ') return true;
  return false;
}

static const char *find(const ForeignRow *row, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (row_has(&row[i], name)) return row[i].ours;
  return NULL;
}

const char *foreign_name(const char *name) {
  return find(name_rows, sizeof name_rows / sizeof *name_rows, name);
}

const char *foreign_argument(const char *name) {
  return find(argument_rows, sizeof argument_rows / sizeof *argument_rows, name);
}
