// Upload a model and images as raw bodies with progress, then start the audit.
"use strict";

(() => {
  const form = document.getElementById("audit-form");
  const panel = document.getElementById("upload-progress");
  const failure = document.getElementById("upload-error");
  form.hidden = false;

  class Problem extends Error {}

  const problem = (status, text) => {
    try {
      const read = JSON.parse(text);
      const fields = (read.errors || []).map((one) => `${one.pointer} ${one.detail}`).join("; ");
      const found = new Problem(read.title);
      found.lines = [`${read.detail} ${read.hint}`, [read.code, fields].filter(Boolean).join(" · ")];
      return found;
    } catch {
      return unreachable(status);
    }
  };

  const unreachable = (status) => {
    const found = new Problem("The service did not answer");
    found.lines = ["Check that it runs, then try again.", status ? `HTTP ${status}` : ""];
    return found;
  };

  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }).catch(() => { throw unreachable(0); });
    const text = await answer.text();
    if (!answer.ok) throw problem(answer.status, text);
    return JSON.parse(text);
  };

  const put = (url, file, kind) => new Promise((resolve, reject) => {
    const bar = document.getElementById(`${kind}-progress`);
    const percent = document.getElementById(`${kind}-percent`);
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => {
      bar.value = event.loaded / file.size;
      percent.textContent = `${Math.floor((100 * event.loaded) / file.size)} %`;
    };
    request.onload = () => (request.status === 201
      ? resolve(JSON.parse(request.responseText))
      : reject(problem(request.status, request.responseText)));
    request.onerror = () => reject(unreachable(request.status));
    request.send(file);
  });

  const upload = async (kind, file) => {
    const limit = Number(form.dataset[kind === "model" ? "maxModel" : "maxProbes"]);
    if (file.size > limit) {
      const found = new Problem("File too large");
      found.lines = [`${file.name} has ${file.size} bytes, the limit is ${limit}.`, "file_too_large"];
      throw found;
    }
    const ticket = await post("/v1/uploads", { kind, size_bytes: file.size, filename: file.name });
    await put(ticket.url, file, kind);
    const path = kind === "model" ? "/v1/models" : "/v1/probe-sets";
    return post(path, { name: file.name, upload_id: ticket.id });
  };

  const number = (name) => {
    const text = form.elements[name].value.trim();
    return text === "" ? null : Number(text);
  };

  const plan = () => {
    const input = { preset: form.elements.preset.value };
    if (number("crop") !== null) input.crop = number("crop");
    const asked = { input };
    if (number("limit") !== null) asked.limit = number("limit");
    return asked;
  };

  const policy = () => {
    const assertions = {};
    for (const field of form.querySelectorAll("[data-assertion]")) {
      const least = number(field.name);
      if (least !== null) assertions[field.dataset.assertion] = ["error", { min: least }];
    }
    return Object.keys(assertions).length ? { assertions } : null;
  };

  const busy = (is) => {
    document.getElementById("start").disabled = is;
    panel.hidden = !is;
  };

  const explain = (error) => {
    const known = error instanceof Problem ? error : unreachable(0);
    const [line, small] = failure.querySelectorAll("p");
    failure.querySelector("strong").textContent = known.message;
    [line.textContent, small.textContent] = known.lines;
    failure.hidden = false;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    failure.hidden = true;
    busy(true);
    try {
      const model = await upload("model", form.elements.model.files[0]);
      const probes = await upload("probes", form.elements.probes.files[0]);
      const audit = await post("/v1/audits", {
        model_id: model.id, probe_set_id: probes.id, plan: plan(), policy: policy(),
      });
      location.assign(`/audits/${audit.id}`);
    } catch (error) {
      explain(error);
      busy(false);
    }
  });
})();
