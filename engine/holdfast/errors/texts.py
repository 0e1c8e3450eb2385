"""The texts: what a user reads for each error code, in one table."""

from holdfast.errors.access import ACCESS_ERRORS
from holdfast.errors.kinds import ErrorText, Kind
from holdfast.errors.kinds import broken as _broken
from holdfast.errors.kinds import refused as _refused
from holdfast.errors.kinds import usage as _usage

__all__ = ["ERRORS", "ErrorText", "Kind"]


_EXPORT_ONNX = "Export with torch.onnx.export(model, x, 'm.onnx', external_data=False)."
_EXPORT_PT2 = (
    "Save the model itself, x being a few images: ep = torch.export.export(model.eval(), (x,)); "
    "torch.export.save(ep, 'm.pt2')."
)
_PACKAGE = "Install torchvision or timm (pip install 'holdfast[zoo]'), or send a .pt2 or ONNX file."
_AGAIN = "Upload the file again."
_ZIP_AGAIN = "Make the zip again with an ordinary zip program and upload it again."

ERRORS: dict[str, ErrorText] = {
    # --- usage: plan, policy, command line, request ---
    "invalid_config": _usage("{where}: {reason}.", "See docs/reference/config.md for every key."),
    "invalid_plan": _usage("The plan is not usable: {reason}.", "See docs/reference/config.md."),
    "invalid_policy": _usage(
        "The policy is not usable: {reason}.", "See docs/reference/config.md."
    ),
    "unknown_assertion": _usage(
        "There is no measurement called {id}.",
        "{suggestion}docs/reference/measurements.md lists all.",
    ),
    "missing_extra": _usage(
        "This needs a part of Holdfast that is not installed.",
        "Run: pip install 'holdfast[{extra}]'",
    ),
    "file_not_found": _usage("{path} does not exist or cannot be read.", "Check the path."),
    "unsupported_output_format": _usage(
        "{path} has a suffix that no output format uses.",
        "Use {known}; or name the format with --format.",
    ),
    "invalid_result": _usage(
        "{path} is not a result of Holdfast: {reason}.", "Give the result.json that an audit wrote."
    ),
    "not_comparable": _usage(
        "The two results cannot be compared: {reason}.",
        "Audit both models on the same images with the same configuration.",
    ),
    "invalid_samples": _usage(
        "The per-sample file is not usable: {reason}.",
        "Give the samples.parquet that was written with the result.",
    ),
    "result_mismatch": _refused(
        "The result does not follow from its samples: {n} numbers differ, first {what}: "
        "reported {reported}, recomputed {recomputed}.",
        "Audit again; do not trust this result.",
    ),
    "insecure_bind": _usage(
        "Listening on {host} without a token would let anybody use this service.",
        "Set HOLDFAST_TOKEN to a long random string or HOLDFAST_AUTH=on, or listen on 127.0.0.1.",
    ),
    "port_in_use": _usage(
        "{host}:{port} is already in use.", "Stop the other program or choose another --port."
    ),
    "data_in_use": _usage(
        "{path} is in use by another Holdfast service.",
        "Stop the other service or choose another --data folder.",
    ),
    # --- request: the service's edge ---
    "incomplete_body": _usage("The connection closed after {n} of {m} bytes.", _AGAIN),
    "invalid_json": _usage("The request body is not valid JSON.", "Send a JSON object."),
    "invalid_request": _usage(
        "The request does not have the form that is documented.", "See errors[] and /docs."
    ),
    "unauthorized": _usage(
        "A valid token is needed.", "Send it as: Authorization: Bearer <token>."
    ),
    "forbidden": _usage("This is not allowed here.", "Ask the operator of this service."),
    "host_not_allowed": _usage(
        "Without a token this service answers only under the names {names}.",
        "Open it as 127.0.0.1, set HOLDFAST_TOKEN, or add the name to HOLDFAST_ALLOWED_HOSTS.",
    ),
    "cross_site": _usage(
        "This request was sent by a page of another web site.",
        "Send it from a page of this service, or from a program without an Origin header.",
    ),
    "not_found": _usage("There is no {what} with this id.", "Check the id."),
    "unknown_address": _usage("This service has no such address.", "See /docs."),
    "method_not_allowed": _usage("This address does not take that method.", "See /docs."),
    "upload_not_ready": _usage(
        "Upload {id} is not finished.", "Send its bytes with PUT, then try again."
    ),
    "upload_finished": _usage("Upload {id} already has its bytes.", "Create a new upload."),
    "not_done": _usage(
        "Audit {id} is not done yet, it is {state}.", "Wait until its state is done."
    ),
    "already_finished": _usage(
        "Audit {id} is already {state}.", "Only a queued or running audit can be cancelled."
    ),
    "not_retryable": _usage(
        "Audit {id} is {state}.", "Only a failed or cancelled audit can be tried again."
    ),
    "no_verdict": _usage(
        "Audit {id} was made without a policy.", "Send one with POST /v1/audits/{id}/gate."
    ),
    "not_judged": _usage(
        "Audit {id} was not judged by this policy and baseline.",
        "Send the policy with POST /v1/audits/{id}/gate.",
    ),
    "webhook_url_refused": _usage(
        "A webhook cannot have this address: {reason}.",
        "docs/guide/service.md explains HOLDFAST_WEBHOOK_ALLOW.",
    ),
    "baseline_not_done": _usage(
        "Audit {id} is {state}, so it cannot be a baseline.", "Pin an audit that is done."
    ),
    "slow_body": _usage("The body came too slowly: {n} bytes in {s} s.", _AGAIN),
    "body_too_large": _usage(
        "The body has more than {limit} bytes ({setting}).", "Send less or raise the setting."
    ),
    "file_too_large": _refused(
        "{what} has {n} bytes, the limit is {limit} ({setting}).",
        "Use a smaller file or raise the setting.",
    ),
    "unsupported_media_type": _usage(
        "The body must be sent as {expected}.", "Set the Content-Type header."
    ),
    "checksum_mismatch": _usage("The bytes received do not have the announced SHA-256.", _AGAIN),
    "queue_full": _broken("{n} audits are waiting.", "Try again in {s} seconds."),
    "database_unavailable": _broken(
        "The database of the service does not answer.", "Try again in a minute."
    ),
    "storage_full": _broken(
        "The disk of the service is nearly full.", "Tell the operator; nothing was stored."
    ),
    "storage_unavailable": _broken(
        "The store of files does not answer.", "Try again in a minute, or tell the operator."
    ),
    "storage_damaged": _broken(
        "A stored file has other bytes than when it was stored.",
        "Tell the operator: the store has to be restored from its backup.",
    ),
    **ACCESS_ERRORS,
    # --- model ---
    "empty_file": _refused("{what} is empty.", _AGAIN),
    "unsupported_format": _refused(
        "This is no model format we read. The bytes decide, not the name.", _EXPORT_ONNX
    ),
    "pickle_refused": _refused(
        "Pickled PyTorch files can run code when they are opened and are not accepted.",
        f"{_EXPORT_PT2} For a state_dict say its architecture: --architecture timm/resnet18; a "
        "service takes such weights as safetensors.",
    ),
    "torch_needed": _refused(
        "PyTorch is not installed here, and a {format} model needs it.",
        "Run: pip install 'holdfast[torch]'",
    ),
    "pt2_unsupported": _refused(
        "This .pt2 holds {what}, which is not supported.",
        "Save it with torch 2.9 or newer: torch.export.save(ep, 'm.pt2').",
    ),
    "pickle": _refused(
        "{name} in the .pt2 is stored as a pickle, which can run code.",
        "Save the model again with plain tensors as weights.",
    ),
    "aotinductor": _refused("The package holds compiled code.", _EXPORT_PT2),
    "torchscript_needs_sandbox": _refused(
        "TorchScript runs code when it is loaded, and the sandbox is not in force: {missing}.",
        f"Audit it where the sandbox works. {_EXPORT_PT2}",
    ),
    "invalid_state_dict": _refused(
        "The file does not hold plain tensors by name: {reason}.",
        "Save it with torch.save(model.state_dict(), 'm.pth').",
    ),
    "invalid_safetensors": _refused(
        "The file is not valid safetensors: {reason}.",
        "Save it again with safetensors.torch.save_file.",
    ),
    "architecture_needed": _refused(
        "The file holds weights only; the network they belong to is not named.",
        "Name it: --architecture timm/resnet18 or torchvision/resnet18, or model.architecture in "
        "holdfast.yaml. It needs pip install 'holdfast[zoo]'.",
    ),
    "architecture_unavailable": _refused(
        "The architecture {name} cannot be built here: {reason}.", _PACKAGE
    ),
    "weights_mismatch": _refused(
        "{n} names or shapes of the weights differ from {architecture}, first: {names}.",
        "Check the architecture's name, or save the model itself as .pt2 or ONNX.",
    ),
    "invalid_onnx": _refused(
        "The file is not a valid ONNX model: {reason}.",
        "Export the model again and upload it again.",
    ),
    "ir_version": _refused(
        "The model uses IR version {n}; supported are versions up to {limit}.",
        "Export again with a released opset, for example opset_version=20.",
    ),
    "opset": _refused(
        "The model uses opset {n}; supported are {low} to {high}.",
        "Export again with opset_version=20.",
    ),
    "onnx_unsupported": _refused(
        "The model holds {what}, which is not supported.", "Export again without it."
    ),
    "external_data": _refused(
        "The weights are in a second file.",
        "Export again with external_data=False, or send a zip with both files.",
    ),
    "recursive_function": _refused("The model's function {name} calls itself.", _EXPORT_ONNX),
    "too_deep": _refused(
        "Sub-graphs are nested deeper than {limit}.", "Simplify the control flow and export again."
    ),
    "bad_archive": _refused(
        "The archive is not as its format demands: {reason}.",
        "Export the model again. An ONNX bundle is a zip of exactly two files: the .onnx file "
        "and the file that holds its weights.",
    ),
    "too_large": _refused("{what} is over the limit of {limit}.", "Use a smaller model."),
    "op_not_allowed": _refused(
        "Operator {op} is not allowed.",
        "ONNX: use standard operators. .pt2: ep = ep.run_decompositions() before saving. "
        "TorchScript: no file access, prints or remote calls.",
    ),
    "op_unknown": _refused(
        "The model uses an operator that its opset does not have.",
        "Export the model with standard ONNX operators only.",
    ),
    "unsupported_input": _refused(
        "The model needs one image input: {reason}.",
        "Export the classifier alone, with one float image input [batch, channels, height, width].",
    ),
    "unsupported_output": _refused(
        "The model needs one score per class as output: {reason}.",
        "Export the classifier so that it returns logits or probabilities [batch, classes].",
    ),
    "unknown_output": _refused(
        "The model has no output called {name}; it has {names}.",
        "Correct model.output in holdfast.yaml, or leave it out.",
    ),
    "size_not_taken": _refused(
        "The model declares any size, but fails on {asked} px and runs on {works} px.",
        "Set --crop, or input.crop in holdfast.yaml, to a size that it takes; many networks need "
        "multiples of 32.",
    ),
    "input_size_needed": _refused(
        "The model takes images of any size.",
        "Say which size to audit: --crop 224, or input.crop in holdfast.yaml.",
    ),
    "input_spec_mismatch": _refused(
        "The input description does not fit the model: {reason}.",
        "Run `holdfast inspect` on the model and correct --input, --crop or holdfast.yaml.",
    ),
    "canvas_too_small": _refused(
        "The canvas of {has} px (height x width) is too small to leave nothing to fill.",
        "Set input.resize to {needs} or more, use smaller motions, or choose border: fill.",
    ),
    "preset_needed": _refused(
        "There are no labels to find out how the model wants its pixel values.",
        "Say it: --input imagenet, unit, byte, symmetric or caffe.",
    ),
    "load_failed": _refused("The runtime could not load the model.", _EXPORT_ONNX),
    "run_failed": _refused(
        "The model failed while running on a batch of {shape}.",
        "Check that the model runs on one image of its declared size.",
    ),
    "nonfinite_output": _refused(
        "The model returned NaN or infinity.", "Check the weights and the input preset."
    ),
    "output_too_large": _refused(
        "One output of {shape} is over the limit of {limit}.", "Audit the classifier's scores only."
    ),
    "output_limit": _refused(
        "The per-sample file needed more than {limit} bytes ({setting}).",
        "Audit fewer images or cells, or raise the setting.",
    ),
    "memory_limit": _refused(
        "The audit needed more than {limit} bytes of memory ({setting}).",
        "Use a smaller model or raise the setting.",
    ),
    "time_limit": _refused(
        "The model needed more than {limit} s ({setting}).",
        "Use a faster model or raise the setting.",
    ),
    "model_crashed": _refused(
        "The model crashed the runtime ({signal}).",
        "Export the model again with a current exporter.",
    ),
    "nondeterministic": _refused(
        "The model is nondeterministic: the same image gave two answers.",
        "Export the model in evaluation mode (model.eval()), without dropout or random operators.",
    ),
    # --- images and labels ---
    "not_a_zip": _refused(
        "The images must come as a zip file, an .npz file or a folder.", _ZIP_AGAIN
    ),
    "bad_zip": _refused("The zip file is damaged or incomplete.", _ZIP_AGAIN),
    "empty_archive": _refused(
        "The archive holds no images.", "Put PNG, JPEG, WebP or BMP images into it."
    ),
    "too_many_files": _refused(
        "The archive has {n} files, the limit is {limit} ({setting}).",
        "Use fewer images or raise the setting.",
    ),
    "zip_bomb": _refused(
        "{name} unpacks {n} times larger than it is stored, the limit is {limit}.", _ZIP_AGAIN
    ),
    "archive_too_large": _refused(
        "The archive unpacks to {n} bytes, the limit is {limit} ({setting}).",
        "Use fewer images or raise the setting.",
    ),
    "unsafe_name": _refused(
        "The member name {name} is not allowed.", "Use plain relative names without .. or \\."
    ),
    "special_file": _refused(
        "{name} is a link or device; only plain files are allowed.", _ZIP_AGAIN
    ),
    "duplicate_name": _refused("The archive holds {name} twice.", _ZIP_AGAIN),
    "encrypted_zip": _refused("The archive is encrypted.", "Make it again without a password."),
    "zip_method": _refused(
        "{name} uses compression method {n}.", "Use the methods store or deflate."
    ),
    "unsupported_file": _refused(
        "{name} is not a PNG, JPEG, WebP or BMP image.", "Leave other files out of the archive."
    ),
    "invalid_npz": _refused(
        "The .npz file is not usable: {reason}.",
        "Save it with numpy.savez(path, images=<uint8 [n,h,w] or [n,h,w,c]>, labels=<int [n]>).",
    ),
    "invalid_labels": _refused(
        "The labels are not usable: {reason}.", "labels.csv has the header file,label."
    ),
    "labels_mismatch": _refused(
        "The labels do not fit the model: label {label} needs more than its {k} outputs.",
        "Check that labels count from 0 in the order of the model's outputs.",
    ),
    "too_many_bad_images": _refused(
        "{n} of {m} images could not be used, first: {name} ({reason}).",
        "Repair or remove them; up to 5 % broken images are skipped and listed.",
    ),
    "too_few_images": _refused(
        "Only {n} images could be used; an audit needs at least {limit}.", "Give more images."
    ),
    "bad_image": _refused("{name} is not a readable PNG, JPEG, WebP or BMP image.", "Repair it."),
    "deep_image": _refused(
        "{name} has more than 8 bits per pixel of grey.", "Save it with 8 bits per channel."
    ),
    "bad_zip_member": _refused("{name} is damaged in the archive.", _ZIP_AGAIN),
    "image_too_large": _refused("{name} has too many pixels (limit {limit}).", "Shrink the image."),
    "image_too_small": _refused("{name} is smaller than 2 x 2 pixels.", "Remove the image."),
    "animated_image": _refused("{name} has several frames.", "Save one frame."),
    # --- the machinery ---
    "sandbox_unavailable": _broken(
        "The sandbox could not be set up: {missing}.",
        "Set HOLDFAST_SANDBOX=container only inside gVisor or a virtual machine.",
    ),
    "gpu_not_enabled": _usage(
        "Audits on a GPU are experimental and not switched on.",
        "Set HOLDFAST_SANDBOX_GPU=experimental on a host or virtual machine that does nothing "
        "else, or use the CPU.",
    ),
    "gpu_not_available": _broken(
        "There is no GPU to compute on: {reason}.",
        "Install the driver and onnxruntime-gpu, or PyTorch with CUDA, or use the CPU.",
    ),
    "protocol": _broken(
        "The model process answered nonsense and was stopped.", "Report this model to us."
    ),
    "worker_lost": _broken(
        "The worker died {n} times during this audit.", "Retry the audit; tell the operator."
    ),
    "parts_differ": _broken(
        "The parts of this audit do not belong together: {what}.",
        "Try the audit again. Let all workers run the same release on machines of one kind; a "
        "model that gives other answers each time cannot be audited.",
    ),
    "cancelled": _broken("The audit was cancelled.", "Start it again when you want its result."),
    "unreachable": _broken(
        "The service at {url} cannot be reached.", "Check --server and that the service runs."
    ),
    "wait_timeout": _broken(
        "The audit did not finish within {limit} s; it goes on.", "Look at {url}."
    ),
    "internal": _broken(
        "Something went wrong on our side.", "Quote {request_id} when you report it."
    ),
}
