'''Pictures in directories: a part is set aside for validation, several workers prepare the batches.'''
import os
import tempfile

import numpy as np

from keras.callbacks import ModelCheckpoint
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential, load_model
from keras.preprocessing.image import ImageDataGenerator, save_img
from keras.utils import Sequence

np.random.seed(3)
folder = tempfile.mkdtemp()
colours = {'blue': (40, 60, 200), 'green': (40, 200, 60), 'red': (200, 60, 40)}
for name, colour in colours.items():
    os.makedirs(os.path.join(folder, 'images', name))
    for i in range(20):
        picture = np.random.randint(0, 256, (14, 14, 3))
        picture[3:11, 3:11] = np.array(colour) + np.random.randint(-40, 40, (8, 8, 3))
        save_img(os.path.join(folder, 'images', name, '%d.png' % i), picture, scale=False)

datagen = ImageDataGenerator(rescale=1. / 255,
                             rotation_range=15,
                             width_shift_range=0.1,
                             height_shift_range=0.1,
                             brightness_range=(0.8, 1.2),
                             horizontal_flip=True,
                             validation_split=0.2)
common = dict(target_size=(12, 12), batch_size=8, class_mode='categorical', seed=11)
train = datagen.flow_from_directory(os.path.join(folder, 'images'), subset='training', **common)
valid = datagen.flow_from_directory(os.path.join(folder, 'images'), subset='validation', shuffle=False, **common)
assert isinstance(train, Sequence) and (len(train), len(valid)) == (6, 2)
assert train.class_indices == {'blue': 0, 'green': 1, 'red': 2}

model = Sequential([
    Conv2D(8, (3, 3), activation='relu', input_shape=(12, 12, 3)),
    MaxPooling2D((2, 2)),
    Flatten(),
    Dense(3, activation='softmax'),
])
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['acc'])
best = os.path.join(folder, 'best.h5')
history = model.fit_generator(train,
                              steps_per_epoch=len(train),
                              epochs=12,
                              verbose=0,
                              validation_data=valid,
                              validation_steps=len(valid),
                              callbacks=[ModelCheckpoint(best, monitor='val_acc', save_best_only=True)],
                              workers=2,
                              max_queue_size=4)
assert len(history.history['loss']) == 12
assert max(history.history['val_acc']) > 0.8, history.history['val_acc']

valid.reset()
predictions = model.predict_generator(valid, steps=len(valid))
assert predictions.shape == (12, 3)
classes = predictions.argmax(axis=-1)
names = {number: name for name, number in valid.class_indices.items()}
right = [names[c] == os.path.dirname(f) for c, f in zip(classes, valid.filenames)]
assert np.mean(right) > 0.7
assert load_model(best).predict(valid[0][0]).shape == (8, 3)
print('%d of %d pictures are known' % (sum(right), len(right)))
