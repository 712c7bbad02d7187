/**
 * Goes on with a value, at once when it is there and later when it is promised. The hot path has its values at hand nearly
 * always, and each `await` it does not take saves three turns of the microtask queue.
 */
export function after<Value, Result>(
  value: Value | Promise<Value>,
  goOn: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}
