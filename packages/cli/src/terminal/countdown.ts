/** A line that says how long something is still waited for: it counts down on a terminal, and is written once elsewhere. */
export interface Countdown {
  stop(): void;
}

export function startCountdown(message: string, seconds: number, write: (line: string) => void): Countdown {
  if (process.stderr.isTTY !== true) {
    write(`${message} (${left(seconds)} left)`);
    return { stop: () => undefined };
  }
  const endsAt = performance.now() + seconds * 1000;
  // Not a spinner: that one takes the keyboard, and Ctrl-C with it.
  const draw = (): void => void process.stderr.write(`\r\u001B[K${message} (${left((endsAt - performance.now()) / 1000)} left)`);
  draw();
  const timer = setInterval(draw, 1000);
  return {
    stop() {
      clearInterval(timer);
      process.stderr.write('\r\u001B[K');
    },
  };
}

function left(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
