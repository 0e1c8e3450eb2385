// Live progress of one audit. Without this script the page reloads itself every few seconds.
"use strict";

(() => {
  const live = document.getElementById("live");
  if (!live || !window.EventSource) return;
  const bar = document.getElementById("bar");
  const title = document.getElementById("progress-title");
  const percent = document.getElementById("percent");
  const counts = document.getElementById("counts");
  const left = document.getElementById("left");
  const words = {
    loading: "Opening the model",
    probing: "Moving the images",
    measuring: "Computing the numbers",
    writing: "Writing the result",
    comparing: "Comparing with the baseline",
  };
  let first = null;

  const duration = (seconds) => {
    if (seconds < 60) return "less than a minute left";
    if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
    return `about ${Math.round(seconds / 3600)} h left`;
  };

  const remaining = (done, total) => {
    const now = Date.now();
    if (!first || done < first.done) first = { done, now };
    const moved = done - first.done;
    const seconds = (now - first.now) / 1000;
    if (moved <= 0 || seconds < 3) return "";
    return duration(((total - done) / moved) * seconds);
  };

  const show = (progress) => {
    title.textContent = words[progress.stage] || "Waiting for a worker";
    if (!progress.total) {
      bar.removeAttribute("value");
      percent.textContent = "";
      counts.textContent = "";
      return;
    }
    const share = Math.floor((100 * progress.done) / progress.total);
    bar.value = share;
    percent.textContent = `${share} %`;
    counts.textContent = `${progress.done.toLocaleString("en")} of ${progress.total.toLocaleString("en")} views`;
    left.textContent = progress.stage === "probing" ? remaining(progress.done, progress.total) : "";
  };

  const source = new EventSource(live.dataset.events);
  source.addEventListener("progress", (event) => show(JSON.parse(event.data)));
  source.addEventListener("state", (event) => {
    const state = JSON.parse(event.data).state;
    const tag = document.getElementById("state");
    tag.textContent = state;
    tag.className = `tag ${state}`;
  });
  source.addEventListener("finished", () => {
    source.close();
    location.reload();
  });
})();
