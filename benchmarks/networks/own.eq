# A cell that no library ships: an echo two steps back, and a gate that the first layer sets
a[t] = tanh(U @ x[t] + W @ a[t-1] + R @ a[t-2] + s1)
k[t] = sigmoid(K @ a[t] + L @ b[t-1] + s2)
g[t] = tanh(V @ a[t] + T @ b[t-1] + s3)
b[t] = k[t] * b[t-1] + (1 - k[t]) * g[t]
o[t] = softmax(Q @ b[t] + s4)
