# FastGRNN: gate and candidate share their matrices (Kusupati et al. 2018)
# Simplified: dense matrices; each unit has a zeta and a nu, kept between 0 and 1 by sigmoid.
# zh: FastGRNN：门与候选状态共用矩阵（Kusupati 等，2018）
# zh: 简化：稠密矩阵；每个单元有各自的 zeta 和 nu，用 sigmoid 限制在 0 与 1 之间。
v[t] = U @ x[t] + W @ h[t-1]
z[t] = sigmoid(v[t] + bz)
h[t] = (sigmoid(zeta) * (1 - z[t]) + sigmoid(nu)) * tanh(v[t] + bh) + z[t] * h[t-1]
o[t] = softmax(V @ h[t] + s)
bz: constant(1)
zeta: constant(1)
nu: constant(-4)
