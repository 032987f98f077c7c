// Loaded before the gateway, which listens on every interface and offers no host option. Whatever it asks for, it
// gets a free port of the loopback interface, and writes the number to the file that its parent waits for. It ends
// with its parent: when that dies, the pipe on standard input closes.
const fs = require('node:fs');
const net = require('node:net');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  const ready = args.find((arg) => typeof arg === 'function');
  this.once('listening', () => {
    const file = process.env.GATEWAY_PORT_FILE;
    fs.writeFileSync(`${file}.new`, String(this.address().port));
    fs.renameSync(`${file}.new`, file);
  });
  return listen.call(this, { port: 0, host: '127.0.0.1' }, ready);
};

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
