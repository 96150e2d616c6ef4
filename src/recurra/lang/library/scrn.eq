# SCRN: a fast state and a slow one with a fixed leak (Mikolov et al. 2015)
# zh: SCRN：一个快状态和一个以固定速率泄漏的慢状态（Mikolov 等，2015）
alpha = 0.95
c[t] = (1 - alpha) * (B @ x[t]) + alpha * c[t-1]
h[t] = sigmoid(P @ c[t] + A @ x[t] + R @ h[t-1])
o[t] = softmax(U @ h[t] + V @ c[t] + s)
