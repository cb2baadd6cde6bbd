import fastify from 'fastify';

// The peer of every command: a POST that a bare Fastify reads, parses and answers, in a process of its own.
const server = fastify({ forceCloseConnections: true });
server.post('*', () => ({}));
process.stdout.write(`${await server.listen({ port: 0, host: '127.0.0.1' })}\n`);
process.once('SIGTERM', () => {
  void server.close();
});
