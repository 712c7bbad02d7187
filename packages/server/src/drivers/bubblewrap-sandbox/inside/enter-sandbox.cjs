// First code of every sandboxed process, run by `node --require` before the worker. It finishes what bubblewrap cannot:
// descriptors that leaked into the server are closed, and a worker of a server that runs as root stops being root.
'use strict';
const fs = require('node:fs');

const CHANNEL = 3;
const O_CLOEXEC = 0o2000000;
const NOBODY = 65534;

for (const name of fs.readdirSync('/proc/self/fd')) {
  const descriptor = Number(name);
  if (descriptor > CHANNEL && cameThroughExec(name)) fs.closeSync(descriptor);
}

// The one variable that bubblewrap sets itself, after it cleared all others.
delete process.env.PWD;

// Without a user namespace of its own the process starts as the real root with nothing but CAP_SETUID and CAP_SETGID.
// Leaving uid 0 drops both; an error here ends the process before any function is loaded.
if (process.getuid() === 0) {
  process.setgroups([]);
  process.setgid(NOBODY);
  process.setuid(NOBODY);
}

// Node opens all of its own descriptors close-on-exec, so one without that flag was inherited.
function cameThroughExec(name) {
  let info;
  try {
    info = fs.readFileSync(`/proc/self/fdinfo/${name}`, 'latin1');
  } catch (error) {
    // The descriptor that listed the folder is gone by now.
    if (error.code === 'ENOENT') return false;
    throw error;
  }
  return (Number.parseInt(/^flags:\s*(\d+)/m.exec(info)[1], 8) & O_CLOEXEC) === 0;
}
