# RWKV-7: time mixing and channel mixing of one block (Peng et al. 2025)
# Simplified: gates of full rank, one mixture for all gates, no bonus for the present character and
# no residual of values between layers.
# zh: RWKV-7：一个块的时间混合与通道混合（Peng 等，2025）
# zh: 简化：门为满秩，所有门共用一个混合，没有当前字符的加成，层间没有值的残差。
heads = 4
e[t] = norm(E @ x[t])
n[t] = g1 * norm(e[t]) + c1
m[t] = n[t] + mg * (n[t-1] - n[t])
a[t] = sigmoid(A @ m[t] + ba)
k[t] = K @ (n[t] + mk * (n[t-1] - n[t]))
p[t] = xi * k[t]
u[t] = p[t] / sqrt(sum(p[t] * p[t], heads) + 0.000001)
S[t] = (
    outer(1, exp(-0.606531 * sigmoid(W @ m[t] + bw))) * S[t-1]
    - outer(S[t-1] @ u[t], a[t] * u[t])
    + outer(V @ (n[t] + mv * (n[t-1] - n[t])), k[t] * (1 + (a[t] - 1) * al))
)
y[t] = e[t] + O @ (sigmoid(G @ m[t]) * norm(S[t] @ (R @ (n[t] + mr * (n[t-1] - n[t]))), heads))
j[t] = g2 * norm(y[t]) + c2
h[t] = y[t] + D @ relu(U @ (j[t] + mj * (j[t-1] - j[t]))) ** 2
o[t] = softmax(Q @ norm(h[t]) + s)
S: blocks(heads)
g1: constant(1)
g2: constant(1)
mg: constant(0.5)
mk: constant(0.5)
mv: constant(0.5)
mr: constant(0.5)
mj: constant(0.5)
xi: constant(0.85)
al: constant(1)
bw: constant(-2)
