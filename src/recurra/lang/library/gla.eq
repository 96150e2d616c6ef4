# Gated linear attention (Yang et al. 2024a): every column of the memory decays
# One layer and one head, with a residual connection; the gate has full rank.
# zh: 门控线性注意力（Yang 等，2024a）：记忆的每一列各自衰减
# zh: 一层、一个头，有残差连接；门为满秩。
e[t] = E @ x[t]
a[t] = sigmoid(Wa @ e[t] + ba) ** 0.0625
S[t] = outer(1, a[t]) * S[t-1] + outer(Wv @ e[t], Wk @ e[t])
r[t] = swish(Wr @ e[t] + br)
h[t] = e[t] + Wo @ (r[t] * norm(S[t] @ (Wq @ e[t])))
o[t] = softmax(V @ norm(h[t]) + s)
