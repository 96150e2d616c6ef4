# Titans: a memory that learns by gradient descent with momentum and forgetting (Behrouz et al. 2025)
# Simplified: the memory is one matrix, not a deep network; no attention beside it, one head.
# zh: Titans：以带动量和遗忘的梯度下降来学习的记忆（Behrouz 等，2025）
# zh: 简化：记忆是一个矩阵，而不是深层网络；旁边没有注意力，一个头。
e[t] = E @ x[t]
n[t] = norm(e[t])
pk[t] = swish(K @ n[t])
pq[t] = swish(R @ n[t])
k[t] = pk[t] / sqrt(dot(pk[t], pk[t]) + 0.000001)
q[t] = pq[t] / sqrt(dot(pq[t], pq[t]) + 0.000001)
v[t] = swish(V @ n[t])
a[t] = sigmoid(dot(wa, n[t]) + ba)
b[t] = sigmoid(dot(wb, n[t]) + bb)
c[t] = sigmoid(dot(wc, n[t]) + bc)
S[t] = b[t] * S[t-1] - 2 * c[t] * outer(M[t-1] @ k[t] - v[t], k[t])
M[t] = (1 - a[t]) * M[t-1] + S[t]
h[t] = e[t] + O @ (sigmoid(G @ n[t]) * norm(M[t] @ q[t]))
o[t] = softmax(Q @ norm(h[t]) + s)
ba: constant(-4)
bc: constant(-2)
