/**
 * The number of vectors that may be released in a day (`sordino.device.budget`).
 *
 * No bound holds for many vectors of one speaker together, so a policy limits their number. The
 * count is stored before the vector is released: a crash in between loses a vector and never gives
 * one. `day_count` has the rule of the days: a clock that is set back gives nothing again.
 */

import { countOn, countText, parseCount } from "./day_count.js";
import type { Reason } from "./result.js";

/** Keeps one text. `update` must be atomic and durable: no other update comes in between. */
export interface CountStore {
  /** Replace the text by `change` of it; null stands for no text. Throws where it cannot. */
  update(change: (text: string | null) => string): Promise<void>;
}

/** Counts vectors. */
export interface Budget {
  /** Count vectors and return null, or return the reason why they may not be released. */
  spend(perDay: number | null, count: number): Promise<Reason | null>;
}

/** The refusal of a budget inside `update`: nothing is stored then. */
class Refusal extends Error {
  constructor(readonly reason: Reason) {
    super(reason);
  }
}

/** The vectors that may still be released today. `today` is the clock; its day is that of UTC. */
export class DailyBudget implements Budget {
  constructor(private readonly store: CountStore, private readonly today: () => Date) {
    if (typeof today !== "function") {
      throw new TypeError("no clock, expected a function: give () => new Date()");
    }
  }

  async spend(perDay: number | null, count: number): Promise<Reason | null> {
    if (!Number.isSafeInteger(count) || count < 1) return "BUDGET_UNKNOWN";
    try {
      const clock = this.today().toISOString().slice(0, 10);
      await this.store.update((text) => spent(text, clock, perDay, count));
    } catch (error) {
      return error instanceof Refusal ? error.reason : "BUDGET_UNKNOWN";
    }
    return null;
  }
}

/** The text of the count after these vectors. Throws for a text that is no count. */
function spent(text: string | null, clock: string, perDay: number | null, count: number): string {
  const today = countOn(text === null ? null : parseCount(text), clock);
  if (perDay !== null && today.spent + count > perDay) {
    throw new Refusal(clock < today.lastDay ? "CLOCK_BEHIND" : "BUDGET_SPENT");
  }
  return countText({ ...today, spent: today.spent + count });
}

/** Keeps the count as long as this object lives: for tests, and for a device without storage. */
export class MemoryStore implements CountStore {
  private text: string | null = null;

  async update(change: (text: string | null) => string): Promise<void> {
    this.text = change(this.text);
  }
}
