/** The worker's end of the wall: frames over fd 3, written and read. Knows types and streams, not what they mean. */
import { Socket } from 'node:net';
import { FrameReader, FrameWriter, SERVER_FRAME_BYTES_MAX, type OnFrame } from '@martlet/protocol/frames';

const WALL_FD = 3;

export interface Wall {
  readonly writer: FrameWriter;
  /** Starts reading. What arrived before is kept by the kernel. */
  listen(onFrame: OnFrame): void;
}

export function openWall(): Wall {
  const socket = new Socket({ fd: WALL_FD, readable: true, writable: true });
  // Taken now, since user code may replace it. When the server is gone, nobody is left to answer to.
  const exit = process.exit.bind(process);
  socket.on('close', () => exit(0));
  socket.on('error', () => exit(0));
  return {
    writer: new FrameWriter(socket),
    listen(onFrame) {
      // An error that leaves the reader in the middle of its bytes would make it misread all that follow.
      const reader = new FrameReader(SERVER_FRAME_BYTES_MAX, (type, stream, payload) => {
        try {
          onFrame(type, stream, payload);
        } catch (error) {
          queueMicrotask(() => {
            throw error;
          });
        }
      });
      socket.on('data', (bytes: Buffer) => reader.push(bytes));
    },
  };
}
