/** The flags that every worker's Node starts with, whatever the sandbox around it is. */

/**
 * V8 cannot change its heap limit once it runs, but a blank is started before anyone knows which function, and so which
 * memory limit, it will get. So the wall is the cgroup or the watchdog, and the heap limit lies above every limit that
 * a function can have. Against the garbage that V8 would then let pile up, two hints: young generation of 8 MB
 * semi-spaces (the default takes up to 190 MB), and the old one may grow by 40 % between collections. Measured in a
 * cgroup of 256 MB: live data of 40 to 160 MB under constant churn all survive with these flags; without the second,
 * 120 MB was killed. All workers having equal flags also keeps V8's code cache valid from one to the next.
 */
const HEAP_MB = 12_288;

export const nodeFlags = [
  `--max-old-space-size=${HEAP_MB}`,
  '--max-semi-space-size=8',
  '--heap-growing-percent=40',
  // SIGUSR1 would open a debugger port.
  '--disable-sigusr1',
] as const;
