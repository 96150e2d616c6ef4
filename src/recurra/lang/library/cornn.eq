# coRNN: coupled oscillators (Rusch & Mishra 2021)
# zh: coRNN：耦合振子（Rusch 和 Mishra，2021）
dt = 0.25
gamma = 1
epsilon = 1
z[t] = z[t-1] + dt * (
    tanh(U @ x[t] + W @ y[t-1] + A @ z[t-1] + b) - gamma * y[t-1] - epsilon * z[t-1]
)
y[t] = y[t-1] + dt * z[t]
o[t] = softmax(V @ y[t] + s)
