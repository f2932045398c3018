/** Samples of 16 kHz and one channel, from a file or a microphone. */

import { mixDown, SAMPLING_RATE } from "../src/index.js";

const LARGEST_FILE = 100 << 20;
const LONGEST_SECONDS = 600;

/** A fault that a user can mend; its message is shown. */
export class SoundProblem extends Error {}

/** The samples of a recording, decoded and resampled by the browser. */
export async function decode(file: Blob): Promise<Float32Array> {
  if (file.size > LARGEST_FILE) throw new SoundProblem("The file is larger than 100 MB: cut it.");
  const context = new OfflineAudioContext(1, 1, SAMPLING_RATE);
  let sound: AudioBuffer;
  try {
    sound = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new SoundProblem("The browser cannot read this file: choose WAV, FLAC, MP3 or Ogg.");
  }
  if (sound.duration > LONGEST_SECONDS) {
    throw new SoundProblem("The recording is longer than ten minutes: cut it.");
  }
  const numbers = Array.from({ length: sound.numberOfChannels }, (_, channel) => channel);
  return mixDown(numbers.map((channel) => sound.getChannelData(channel)));
}

/** A microphone. It is made before the page forbids itself requests, and asks when it starts. */
export class Microphone {
  private readonly context = new AudioContext({ sampleRate: SAMPLING_RATE });
  private input: MediaStream | null = null;
  private node: AudioWorkletNode | null = null;

  /** Load the code that reads samples. */
  async load(): Promise<void> {
    await this.context.audioWorklet.addModule("worklet.js");
  }

  /** Ask for the microphone, and pass each 0.1 s of sound on. */
  async start(push: (samples: Float32Array) => void): Promise<void> {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    try {
      this.input = await navigator.mediaDevices.getUserMedia({ audio: plain });
      await this.context.resume();
      const source = this.context.createMediaStreamSource(this.input);
      this.node = new AudioWorkletNode(this.context, "microphone");
      this.node.port.onmessage = ({ data }) => push(data as Float32Array);
      source.connect(this.node);
    } catch {
      this.stop();
      throw new SoundProblem("The browser gives no microphone at 16 kHz: allow it for this page, " +
        "or choose a recording.");
    }
  }

  /** Release the microphone. */
  stop(): void {
    if (this.node) this.node.port.onmessage = null;
    this.node = null;
    for (const track of this.input?.getTracks() ?? []) track.stop();
    this.input = null;
    void this.context.suspend();
  }
}
