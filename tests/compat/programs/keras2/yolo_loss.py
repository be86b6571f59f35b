"""A detector trained as YOLO was: the loss is a Lambda that makes grids, masks, and overlaps of boxes."""

import numpy as np
import keras.backend as K
from keras.layers import Add, BatchNormalization, Conv2D, Input, Lambda, LeakyReLU, ZeroPadding2D
from keras.models import Model
from keras.regularizers import l2
from functools import wraps, reduce
from keras.optimizers import Adam


def compose(*funcs):
    return reduce(lambda f, g: lambda *a, **kw: g(f(*a, **kw)), funcs)


@wraps(Conv2D)
def DarknetConv2D(*args, **kwargs):
    darknet_conv_kwargs = {"kernel_regularizer": l2(5e-4)}
    darknet_conv_kwargs["padding"] = "valid" if kwargs.get("strides") == (2, 2) else "same"
    darknet_conv_kwargs.update(kwargs)
    return Conv2D(*args, **darknet_conv_kwargs)


def DarknetConv2D_BN_Leaky(*args, **kwargs):
    no_bias_kwargs = {"use_bias": False}
    no_bias_kwargs.update(kwargs)
    return compose(DarknetConv2D(*args, **no_bias_kwargs), BatchNormalization(), LeakyReLU(alpha=0.1))


def resblock_body(x, num_filters, num_blocks):
    x = ZeroPadding2D(((1, 0), (1, 0)))(x)
    x = DarknetConv2D_BN_Leaky(num_filters, (3, 3), strides=(2, 2))(x)
    for i in range(num_blocks):
        y = compose(DarknetConv2D_BN_Leaky(num_filters // 2, (1, 1)), DarknetConv2D_BN_Leaky(num_filters, (3, 3)))(x)
        x = Add()([x, y])
    return x


num_classes = 2
anchors = np.array([[4.0, 4.0], [8.0, 8.0], [12.0, 12.0]])


def yolo_head(feats, anchors, num_classes, input_shape, calc_loss=False):
    num_anchors = len(anchors)
    anchors_tensor = K.reshape(K.constant(anchors), [1, 1, 1, num_anchors, 2])
    grid_shape = K.shape(feats)[1:3]
    grid_y = K.tile(K.reshape(K.arange(0, stop=grid_shape[0]), [-1, 1, 1, 1]), [1, grid_shape[1], 1, 1])
    grid_x = K.tile(K.reshape(K.arange(0, stop=grid_shape[1]), [1, -1, 1, 1]), [grid_shape[0], 1, 1, 1])
    grid = K.concatenate([grid_x, grid_y])
    grid = K.cast(grid, K.dtype(feats))
    feats = K.reshape(feats, [-1, grid_shape[0], grid_shape[1], num_anchors, num_classes + 5])
    box_xy = (K.sigmoid(feats[..., :2]) + grid) / K.cast(grid_shape[::-1], K.dtype(feats))
    box_wh = K.exp(feats[..., 2:4]) * anchors_tensor / K.cast(K.reverse(input_shape, 0), K.dtype(feats))
    box_confidence = K.sigmoid(feats[..., 4:5])
    box_class_probs = K.sigmoid(feats[..., 5:])
    if calc_loss == True:
        return grid, feats, box_xy, box_wh
    return box_xy, box_wh, box_confidence, box_class_probs


def box_iou(b1, b2):
    b1 = K.expand_dims(b1, -2)
    b1_xy = b1[..., :2]
    b1_wh = b1[..., 2:4]
    b1_wh_half = b1_wh / 2.0
    b1_mins = b1_xy - b1_wh_half
    b1_maxes = b1_xy + b1_wh_half
    b2 = K.expand_dims(b2, 0)
    b2_xy = b2[..., :2]
    b2_wh = b2[..., 2:4]
    b2_wh_half = b2_wh / 2.0
    b2_mins = b2_xy - b2_wh_half
    b2_maxes = b2_xy + b2_wh_half
    intersect_mins = K.maximum(b1_mins, b2_mins)
    intersect_maxes = K.minimum(b1_maxes, b2_maxes)
    intersect_wh = K.maximum(intersect_maxes - intersect_mins, 0.0)
    intersect_area = intersect_wh[..., 0] * intersect_wh[..., 1]
    b1_area = b1_wh[..., 0] * b1_wh[..., 1]
    b2_area = b2_wh[..., 0] * b2_wh[..., 1]
    return intersect_area / (b1_area + b2_area - intersect_area)


def yolo_loss(args, anchors, num_classes, ignore_thresh=0.5, print_loss=False):
    yolo_output, y_true = args
    input_shape = K.cast(K.shape(yolo_output)[1:3] * 4, K.dtype(y_true))
    grid_shape = K.cast(K.shape(yolo_output)[1:3], K.dtype(y_true))
    loss = 0
    m = K.shape(yolo_output)[0]
    mf = K.cast(m, K.dtype(yolo_output))
    object_mask = y_true[..., 4:5]
    true_class_probs = y_true[..., 5:]
    grid, raw_pred, pred_xy, pred_wh = yolo_head(yolo_output, anchors, num_classes, input_shape, calc_loss=True)
    pred_box = K.concatenate([pred_xy, pred_wh])
    raw_true_xy = y_true[..., :2] * K.reverse(grid_shape, 0) - grid
    raw_true_wh = K.log(y_true[..., 2:4] / anchors * K.reverse(input_shape, 0))
    raw_true_wh = K.switch(object_mask, raw_true_wh, K.zeros_like(raw_true_wh))
    box_loss_scale = 2 - y_true[..., 2:3] * y_true[..., 3:4]
    iou = box_iou(pred_box, K.reshape(y_true[..., 0:4], [-1, 4]))
    best_iou = K.max(iou, axis=-1)
    ignore_mask = K.expand_dims(K.cast(best_iou < ignore_thresh, K.dtype(y_true)), -1)
    xy_loss = object_mask * box_loss_scale * K.binary_crossentropy(raw_true_xy, raw_pred[..., 0:2], from_logits=True)
    wh_loss = object_mask * box_loss_scale * 0.5 * K.square(raw_true_wh - raw_pred[..., 2:4])
    confidence_loss = (
        object_mask * K.binary_crossentropy(object_mask, raw_pred[..., 4:5], from_logits=True)
        + (1 - object_mask) * K.binary_crossentropy(object_mask, raw_pred[..., 4:5], from_logits=True) * ignore_mask
    )
    class_loss = object_mask * K.binary_crossentropy(true_class_probs, raw_pred[..., 5:], from_logits=True)
    xy_loss = K.sum(xy_loss) / mf
    wh_loss = K.sum(wh_loss) / mf
    confidence_loss = K.sum(confidence_loss) / mf
    class_loss = K.sum(class_loss) / mf
    loss += xy_loss + wh_loss + confidence_loss + class_loss
    return loss


image_input = Input(shape=(16, 16, 3))
x = DarknetConv2D_BN_Leaky(4, (3, 3))(image_input)
x = resblock_body(x, 6, 1)
x = resblock_body(x, 8, 1)
out = DarknetConv2D(3 * (num_classes + 5), (1, 1))(x)
model_body = Model(image_input, out)
y_true = Input(shape=(4, 4, 3, num_classes + 5))
model_loss = Lambda(
    yolo_loss,
    output_shape=(1,),
    name="yolo_loss",
    arguments={"anchors": anchors, "num_classes": num_classes, "ignore_thresh": 0.5},
)([model_body.output, y_true])
model = Model([model_body.input, y_true], model_loss)
model.compile(optimizer=Adam(lr=1e-3), loss={"yolo_loss": lambda y_true, y_pred: y_pred})


def data_generator(batch_size):
    while True:
        im = np.random.rand(batch_size, 16, 16, 3)
        t = np.zeros((batch_size, 4, 4, 3, 7))
        t[:, 1, 2, 0] = [0.6, 0.4, 0.3, 0.3, 1, 1, 0]
        yield [im, t], np.zeros(batch_size)


h = model.fit_generator(
    data_generator(4),
    steps_per_epoch=4,
    validation_data=data_generator(4),
    validation_steps=1,
    epochs=3,
    initial_epoch=0,
    verbose=0,
)
assert h.history["loss"][-1] < h.history["loss"][0]
outs = yolo_head(model_body.output, anchors, 2, K.constant([16, 16]))
mask = outs[2] >= 0.5
f = K.function([model_body.input, K.learning_phase()], [K.reshape(outs[0], [-1, 2]), outs[2] * K.cast(mask, "float32")])
a, b = f([np.random.rand(1, 16, 16, 3), 0])
assert a.shape == (48, 2)
