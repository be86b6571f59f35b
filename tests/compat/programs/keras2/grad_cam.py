'''Where a network looks: class activation maps, by gradients (Grad-CAM), guided saliency and occlusion.'''
from __future__ import print_function
import numpy as np
import keras.backend as K
from keras.layers import Input, Conv2D, BatchNormalization, Activation, GlobalAveragePooling2D, Dense, Dropout
from keras.models import Model
from keras.utils import to_categorical

np.random.seed(17)
size, classes = 12, 3


def draw(label):
    '''A cross, a square or a bar somewhere in the image; and where it is.'''
    image = np.random.normal(0, .05, (size, size, 1))
    r, c = np.random.randint(0, size - 5, 2)
    shape = np.zeros((5, 5))
    if label == 0:
        shape[2, :] = shape[:, 2] = 1
    elif label == 1:
        shape[:, :] = 1
        shape[1:4, 1:4] = 0
    else:
        shape[1:4, :] = 1
    image[r:r + 5, c:c + 5, 0] += shape
    return image, (r, c)


labels = np.arange(150) % classes
drawn = [draw(label) for label in labels]
x = np.array([image for image, _ in drawn])
y = to_categorical(labels, classes)

img = Input(shape=(size, size, 1))
h = Conv2D(8, (3, 3), padding='same')(img)
h = BatchNormalization()(h)
h = Activation('relu')(h)
h = Conv2D(12, (3, 3), padding='same', activation='relu', name='last_conv')(h)
h = GlobalAveragePooling2D()(h)
h = Dropout(0.1)(h)
out = Dense(classes, activation='softmax', name='classes')(h)
model = Model(inputs=img, outputs=out)
convolutions = [layer for layer in model.layers if isinstance(layer, Conv2D)]
for layer in convolutions:
    layer.set_weights([np.random.normal(.05, .25, w.shape) for w in layer.get_weights()])
model.compile('adam', 'categorical_crossentropy', metrics=['acc'])
K.set_value(model.optimizer.lr, 0.02)
history = model.fit(x, y, epochs=12, batch_size=30, verbose=0)
print(history.history['acc'])


def grad_cam(image, category_index, layer_name):
    class_output = model.output[:, category_index]
    last_conv_layer = model.get_layer(layer_name)
    grads = K.gradients(class_output, last_conv_layer.output)[0]
    pooled_grads = K.mean(grads, axis=(0, 1, 2))
    iterate = K.function([model.input], [pooled_grads, last_conv_layer.output[0]])
    pooled_grads_value, conv_layer_output_value = iterate([image])
    for i in range(conv_layer_output_value.shape[-1]):
        conv_layer_output_value[:, :, i] *= pooled_grads_value[i]
    heatmap = np.mean(conv_layer_output_value, axis=-1)
    heatmap = np.maximum(heatmap, 0)
    return heatmap / (np.max(heatmap) + 1e-10), pooled_grads_value


heatmap, weights = grad_cam(x[:1], int(labels[0]), 'last_conv')
assert heatmap.shape == (size, size) and weights.shape == (12,)
assert heatmap.max() <= 1.0 and heatmap.min() >= 0

# the maps of global average pooling are known without any gradient: the weights of the last layer
dense_weights = model.get_layer('classes').get_weights()[0]
probabilities = model.predict(x[:1])[0]
k = int(labels[0])
by_hand = probabilities[k] * (dense_weights[:, k] - dense_weights.dot(probabilities)) / float(size * size) ** 2
by_hand *= size * size / float(size * size)
assert np.corrcoef(weights, by_hand)[0, 1] > 0.999, (weights, by_hand)

# saliency: the gradient at the pixels, in test mode and in training mode
saliency = K.function([model.input, K.learning_phase()], K.gradients(K.max(model.output), [model.input]))
inside = outside = 0.
for i in range(10):
    r, c = drawn[i][1]
    s = np.abs(saliency([x[i:i + 1], 0])[0][0, :, :, 0])
    inside += s[max(r - 2, 0):r + 7, max(c - 2, 0):c + 7].mean()
    outside += s.mean()
assert inside > outside
assert not np.allclose(saliency([x[:8], 0])[0], saliency([x[:8], 1])[0])

# the layers' outputs, all of them by one function
functor = K.function([model.input, K.learning_phase()], [layer.output for layer in model.layers[1:]])
activations = functor([x[:4], 0.])
assert [a.shape[-1] for a in activations] == [8, 8, 8, 12, 12, 12, 3]
assert np.allclose(activations[-1], model.predict(x[:4]), atol=1e-5)
