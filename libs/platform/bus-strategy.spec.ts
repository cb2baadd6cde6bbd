import { describe, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BusStrategy } from './bus-strategy.ts';

@Module({})
class Empty {}

describe('a bus hosted by Nest', () => {
  it('runs from listen on, and closing waits for what is at work', async () => {
    const told: string[] = [];
    const strategy = new BusStrategy(async (signal) => {
      told.push('begun');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setTimeout(resolve, 5));
      told.push('ended');
    });
    const app = await NestFactory.createMicroservice(Empty, { strategy, logger: false });
    expect(told).toEqual([]);
    await app.listen();
    expect(told).toEqual(['begun']);
    await app.close();
    expect(told).toEqual(['begun', 'ended']);
  });
});
