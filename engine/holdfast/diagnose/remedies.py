"""What a cause means in plain words, and what is known to help.

Gains are quoted only where the science reference allows it (sections 5.6 and 7.1), with the source.
"""

from holdfast.records.causes import CauseLabel, GraphFacts, StaticCode

__all__ = ["MEANINGS", "REMEDIES", "remedy_of"]

MEANINGS = {
    CauseLabel.none: "Whole-pixel rolls leave the scores as they are: the graph is exact.",
    CauseLabel.aliasing: "The model samples its maps without a sufficient low-pass, so the scores "
    "depend on where the picture lies on its sampling grid.",
    CauseLabel.padding: "The padding of the convolutions tells the model where the border is, so "
    "the scores depend on the distance to it.",
    CauseLabel.head: "The classifier has weights of its own for every position of the last map, so "
    "it has to learn each place anew.",
    CauseLabel.position_embed: "A constant that differs between positions is built into the graph, "
    "so the scores depend on the place in the picture.",
    CauseLabel.border_crop: "Pixels at the border count less than those in the middle, so content "
    "is lost there when the picture moves.",
    CauseLabel.resampling: "The answers change as much when the picture is only resampled and not "
    "moved: interpolation blur is the cause, not geometry.",
    CauseLabel.content_loss: "The answers change as much when the same content is only covered and "
    "nothing moves: lost content is the cause, not geometry.",
    CauseLabel.learned: "The graph is exact under rolls and objects far from the border flip, too: "
    "the dependence on places was learned.",
}

REMEDIES = {
    CauseLabel.none: "",
    CauseLabel.aliasing: "Low-pass before every sampling (BlurPool: MaxPool with stride 1, then a "
    "binomial blur with the stride; Conv with stride 1, activation, blur) and fine-tune. On "
    "ImageNet with filter 4 this raised shift consistency by 2.12 points for ResNet-50, 5.13 for "
    "AlexNet, 1.23 for MobileNetV2 (Zhang, ICML 2019).",
    CauseLabel.padding: "Replace zero padding by reflect, edge or circular padding, or by valid or "
    "full convolutions, and fine-tune; training with shifts hides it only near the training set.",
    CauseLabel.head: "Put global average pooling between the last map and the classifier and "
    "fine-tune: the dependence is gone by construction. Otherwise train with shifts over the whole "
    "canvas.",
    CauseLabel.position_embed: "Remove the positional constant, or use relative positions, which "
    "are equivariant inside the border; then fine-tune.",
    CauseLabel.border_crop: "Keep a margin around what matters: larger originals (input.resize) or "
    "a looser crop; padding by reflection lets border pixels count.",
    CauseLabel.resampling: "Train with resampled images, or serve pictures at the model's own "
    "scale; compare families.lattice, which resamples nothing.",
    CauseLabel.content_loss: "Give larger originals (input.resize), or judge motions that lose "
    "less.",
    CauseLabel.learned: "Train with shifts over the range that matters; pretraining on objects at "
    "many places helps, too.",
}
_PATCHES = (
    "Low-pass before every sampling; but a stride of {stride} px in one operator is too much for a "
    "blur of 3 or 4 taps: smaller strides, or overlapping patches, are needed there."
)
_WINDOWS = (
    "Smaller strides, or overlapping patches with a low-pass, where the map is sampled. Windows of "
    "attention are a grid of their own: only windows that overlap, or the mean of the scores over "
    "several shifts, take it away."
)
_RELATIVE = (
    "The positions are relative already: equivariant inside, but not at the border, where a token "
    "has neighbours on one side only. Keep a margin around what matters, or train with shifts."
)
_MANY = 4
_PARITY = " An input side one pixel larger makes the padding of the strided layers even."
_CUT = 400
_ABSOLUTE = {StaticCode.position_constant, StaticCode.coordinates}


def remedy_of(label: CauseLabel, facts: GraphFacts | None) -> str:
    """What helps against a cause in this graph."""
    text = REMEDIES[label]
    if facts is None:
        return text
    largest = max((max(op.stride) for op in facts.strided), default=1)
    if label is CauseLabel.aliasing and largest >= _MANY:
        text = _PATCHES.format(stride=largest)
    codes = {note.code for note in facts.notes}
    if label is CauseLabel.aliasing and StaticCode.windows in codes:
        text = _WINDOWS
    relative = StaticCode.position_relative in codes and not codes & _ABSOLUTE
    if label is CauseLabel.position_embed and relative:
        text = _RELATIVE
    uneven = any(note.code is StaticCode.uneven_padding for note in facts.notes)
    if label is CauseLabel.padding and uneven:
        text += _PARITY
    return text[:_CUT]
