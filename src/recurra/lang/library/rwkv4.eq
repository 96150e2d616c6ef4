# RWKV-4: one block, time mixing and channel mixing (Peng et al. 2023)
# The exponents are kept below 0 by a running maximum, as in the paper's appendix on numerics.
# Simplified: one block; every unit begins with one decay, bonus and mixture.
# zh: RWKV-4：一个块，时间混合与通道混合（Peng 等，2023）
# zh: 用滑动最大值使指数保持在 0 以下，如论文关于数值的附录。
# zh: 简化：一个块；所有单元的衰减、加成和混合初值相同。
e[t] = norm(E @ x[t])
n[t] = g1 * norm(e[t]) + c1
r[t] = R @ (mr * n[t] + (1 - mr) * n[t-1])
k[t] = K @ (mk * n[t] + (1 - mk) * n[t-1])
v[t] = V @ (mv * n[t] + (1 - mv) * n[t-1])
q[t] = max(p[t-1], u + k[t])
y[t] = (exp(p[t-1] - q[t]) * a[t-1] + exp(u + k[t] - q[t]) * v[t]) / (
    exp(p[t-1] - q[t]) * b[t-1] + exp(u + k[t] - q[t])
)
p[t] = max(p[t-1] - exp(d), k[t])
a[t] = exp(p[t-1] - exp(d) - p[t]) * a[t-1] + exp(k[t] - p[t]) * v[t]
b[t] = exp(p[t-1] - exp(d) - p[t]) * b[t-1] + exp(k[t] - p[t])
z[t] = e[t] + W @ (sigmoid(r[t]) * y[t])
j[t] = g2 * norm(z[t]) + c2
i[t] = relu(A @ (ma * j[t] + (1 - ma) * j[t-1])) ** 2
h[t] = z[t] + sigmoid(B @ (mb * j[t] + (1 - mb) * j[t-1])) * (C @ i[t])
o[t] = softmax(Q @ norm(h[t]) + s)
g1: constant(1)
g2: constant(1)
mr: constant(0.5)
mk: constant(0.5)
mv: constant(0.5)
ma: constant(0.5)
mb: constant(0.5)
d: constant(-1)
