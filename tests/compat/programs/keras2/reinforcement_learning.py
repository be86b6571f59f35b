"""Reinforcement learning: masked errors in a Lambda, soft updates of a target network, policy gradients, PPO."""

import numpy as np
from keras.models import Sequential, Model, model_from_config
from keras.layers import Dense, Activation, Flatten, Input, Lambda
from keras.optimizers import Adam
import keras.backend as K
import keras.optimizers as optimizers


def clone_model(model, custom_objects={}):
    config = {"class_name": model.__class__.__name__, "config": model.get_config()}
    clone = model_from_config(config, custom_objects=custom_objects)
    clone.set_weights(model.get_weights())
    return clone


def huber_loss(y_true, y_pred, clip_value=1.0):
    x = y_true - y_pred
    condition = K.abs(x) < clip_value
    squared_loss = 0.5 * K.square(x)
    linear_loss = clip_value * (K.abs(x) - 0.5 * clip_value)
    return K.switch(condition, squared_loss, linear_loss)


nb_actions = 2
model = Sequential()
model.add(Flatten(input_shape=(1,) + (4,)))
model.add(Dense(16))
model.add(Activation("relu"))
model.add(Dense(nb_actions))
model.add(Activation("linear"))
layer = model.layers[-2]
nb_action = model.output._keras_shape[-1]
y = Dense(nb_action + 1, activation="linear")(layer.output)
outputlayer = Lambda(
    lambda a: K.expand_dims(a[:, 0], -1) + a[:, 1:] - K.mean(a[:, 1:], axis=1, keepdims=True), output_shape=(nb_action,)
)(y)
model = Model(inputs=model.input, outputs=outputlayer)
target_model = clone_model(model)
target_model.compile(optimizer="sgd", loss="mse")
model.compile(optimizer="sgd", loss="mse")


def clipped_masked_error(args):
    y_true, y_pred, mask = args
    loss = huber_loss(y_true, y_pred, 1.0)
    loss *= mask
    return K.sum(loss, axis=-1)


y_pred = model.output
y_true = Input(name="y_true", shape=(nb_actions,))
mask = Input(name="mask", shape=(nb_actions,))
loss_out = Lambda(clipped_masked_error, output_shape=(1,), name="loss")([y_true, y_pred, mask])
ins = [model.input] if type(model.input) is not list else model.input
trainable_model = Model(inputs=ins + [y_true, mask], outputs=[loss_out, y_pred])
assert len(trainable_model.output_names) == 2


def mean_q(y_true, y_pred):
    return K.mean(K.max(y_pred, axis=-1))


losses = [lambda y_true, y_pred: y_pred, lambda y_true, y_pred: K.zeros_like(y_pred)]
trainable_model.compile(optimizer=Adam(lr=1e-3), loss=losses, metrics={trainable_model.output_names[1]: [mean_q]})
for _ in range(3):
    s = np.random.rand(8, 1, 4)
    q = target_model.predict_on_batch(s)
    trainable_model.train_on_batch([s, q, np.ones((8, 2))], [np.zeros(8), q])
target_model.set_weights(model.get_weights())


# soft updates via AdditionalUpdatesOptimizer
class AdditionalUpdatesOptimizer(optimizers.Optimizer):
    def __init__(self, optimizer, additional_updates):
        super(AdditionalUpdatesOptimizer, self).__init__()
        self.optimizer = optimizer
        self.additional_updates = additional_updates

    def get_updates(self, params, loss):
        updates = self.optimizer.get_updates(params=params, loss=loss)
        updates += self.additional_updates
        self.updates = updates
        return self.updates

    def get_config(self):
        return self.optimizer.get_config()


def get_soft_target_model_updates(target, source, tau):
    target_weights = target.trainable_weights + sum([l.non_trainable_weights for l in target.layers], [])
    source_weights = source.trainable_weights + sum([l.non_trainable_weights for l in source.layers], [])
    assert len(target_weights) == len(source_weights)
    updates = []
    for tw, sw in zip(target_weights, source_weights):
        updates.append((tw, tau * sw + (1.0 - tau) * tw))
    return updates


updates = get_soft_target_model_updates(target_model, model, 0.5)
optimizer = AdditionalUpdatesOptimizer(Adam(lr=1e-2), updates)
model.compile(optimizer, huber_loss)
w0 = target_model.get_weights()
for _ in range(2):
    model.train_on_batch(s, np.ones((8, 2)))
assert not np.allclose(w0[0], target_model.get_weights()[0])
# policy gradient / A2C
state = Input((4,))
h = Dense(8, activation="relu")(state)
probs = Dense(2, activation="softmax")(h)
value = Dense(1)(h)
actor = Model(state, probs)
critic = Model(state, value)
action = K.placeholder(shape=(None, 2))
advantages = K.placeholder(
    shape=[
        None,
    ]
)
weighted_actions = K.sum(action * actor.output, axis=1)
eligibility = K.log(weighted_actions + 1e-10) * K.stop_gradient(advantages)
entropy = K.sum(actor.output * K.log(actor.output + 1e-10), axis=1)
loss = 0.001 * entropy - K.sum(eligibility)
opt = optimizers.RMSprop(lr=0.01, rho=0.99, epsilon=0.01)
updates = opt.get_updates(params=actor.trainable_weights, loss=loss)
train = K.function([actor.input, action, advantages], [], updates=updates)
w0 = actor.get_weights()
train([np.random.rand(5, 4), np.eye(2)[[0, 1, 0, 1, 1]], np.ones(5)])
assert not np.allclose(w0[0], actor.get_weights()[0])
# DDPG critic action grads
ga = K.gradients(critic.output, critic.input)
fn = K.function([critic.input], ga)
assert fn([np.random.rand(3, 4)])[0].shape == (3, 4)


def proximal_policy_optimization_loss(advantage, old_prediction):
    def loss(y_true, y_pred):
        prob = K.sum(y_true * y_pred)
        old_prob = K.sum(y_true * old_prediction)
        r = prob / (old_prob + 1e-10)
        return -K.mean(K.minimum(r * advantage, K.clip(r, min_value=1 - 0.2, max_value=1 + 0.2) * advantage))

    return loss


adv = Input(shape=(1,))
old = Input(shape=(2,))
ppo = Model([state, adv, old], probs)
ppo.compile(optimizer=Adam(lr=1e-4), loss=[proximal_policy_optimization_loss(advantage=adv, old_prediction=old)])
ppo.fit(
    [np.random.rand(6, 4), np.ones((6, 1)), np.ones((6, 2)) / 2],
    np.eye(2)[[0, 1] * 3],
    batch_size=3,
    shuffle=True,
    epochs=2,
    verbose=False,
)
