// The model: unpacked from data/, and called one call after another.
"use strict";
{
  const { manifest, runtime, model } = encore.data;
  const ARRAYS = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };

  /** The bytes that were packed by gzip and base64. */
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const opened = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(opened).arrayBuffer());
  }

  /** Loads the runtime and the model; rejects with a reason for people. */
  async function open() {
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") {
      throw new Error("this browser is too old for it: any of the last three years will do");
    }
    const [binary, bytes] = await Promise.all([unpack(runtime.binary), unpack(model)]);
    const wasm = ort.env.wasm;
    wasm.numThreads = 1; // More would need a server that isolates the page.
    wasm.wasmBinary = binary.buffer;
    // A page from a disk may import no file, but a blob.
    wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([runtime.module], { type: "text/javascript" })) };
    ort.env.logLevel = "error";
    runtime.binary = encore.data.model = ""; // Megabytes that nothing reads again.
    return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  }

  let session;
  let last = Promise.resolve();

  /** The outputs of a batch: {name: {data, dims}} from {name: array of numbers}. */
  encore.run = (inputs, rows = 1) => {
    const tensors = {};
    for (const [name, { dtype, shape }] of Object.entries(manifest.inputs)) {
      tensors[name] = new ort.Tensor(dtype, ARRAYS[dtype].from(inputs[name]), [rows, ...shape.slice(1)]);
    }
    // A session computes one call at a time.
    last = last.catch(() => {}).then(() => session.run(tensors));
    return last;
  };

  /** Waits until all calls so far are answered, and what waits for them has gone on. */
  encore.rested = async () => {
    await last.catch(() => {});
    await new Promise(requestAnimationFrame);
  };

  /** The carried inputs of so many rows before their first step: zeros. */
  encore.rest = (rows = 1) => {
    const sizes = manifest.carried.map((name) => manifest.inputs[name].shape.slice(1));
    return Object.fromEntries(
      manifest.carried.map((name, k) => [name, new Array(rows * sizes[k].reduce((a, b) => a * b, 1)).fill(0)]),
    );
  };

  /** Of some outputs, those that are carried to the next call; ONNX names none as an input. */
  encore.carry = (outputs) =>
    Object.fromEntries(manifest.carried.map((name) => [name, (outputs[`next_${name}`] ?? outputs[name]).data]));

  /** Opens the model, then starts the page; says how it stands in #status. */
  encore.start = async (begin) => {
    const status = document.getElementById("status");
    status.textContent = "Loading the model …";
    try {
      session = await open();
      await begin();
      if (status.textContent.startsWith("Loading")) status.textContent = "";
      document.body.dataset.ready = "yes";
    } catch (error) {
      status.textContent = `The model could not be loaded: ${error.message ?? error}`;
      status.classList.add("wrong");
      throw error;
    }
  };
}
