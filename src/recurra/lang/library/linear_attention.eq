# Linear attention as a recurrence (Katharopoulos et al. 2020)
# One layer and one head, with a residual connection; no positions, which the order of reading gives.
# zh: 写成循环形式的线性注意力（Katharopoulos 等，2020）
# zh: 一层、一个头，有残差连接；没有位置编码，读取的顺序已给出位置。
e[t] = E @ x[t]
q[t] = elu(Wq @ e[t]) + 1
k[t] = elu(Wk @ e[t]) + 1
S[t] = S[t-1] + outer(Wv @ e[t], k[t])
z[t] = z[t-1] + k[t]
h[t] = e[t] + (S[t] @ q[t]) / dot(z[t], q[t])
o[t] = softmax(V @ norm(h[t]) + s)
