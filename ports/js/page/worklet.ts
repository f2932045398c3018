/** Hands the samples of a microphone to the page, in blocks of 0.1 s. */

declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;

const BLOCK = 1600;

class Microphone extends AudioWorkletProcessor {
  private block = new Float32Array(BLOCK);
  private filled = 0;

  process([channels = []]: Float32Array[][]): boolean {
    const [first] = channels;
    for (let at = 0; at < (first?.length ?? 0); at++) {
      const sum = channels.reduce((total, channel) => total + channel[at]!, 0);
      this.block[this.filled++] = sum / channels.length;
      if (this.filled < BLOCK) continue;
      this.port.postMessage(this.block, [this.block.buffer]);
      this.block = new Float32Array(BLOCK);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
