export function preloadBuiltIns(): void {}
