import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { AllowedBy, ClientCert, clientCertAuth, type ClientCertificate } from 'peergate/nest';

const guard = clientCertAuth({
  policy: 'policy.json',
  trustPeer: (socket) => socket.remoteAddress === '127.0.0.1',
});

@Controller()
class Orders {
  @Get('healthz')
  health() {
    return 'ok';
  }

  @Get('v1/orders/:id')
  @AllowedBy('orders')
  find(@Param('id') id: string, @ClientCert() caller: ClientCertificate) {
    return { id, caller: caller.identity };
  }
}

@Module({ controllers: [Orders], providers: [{ provide: APP_GUARD, useValue: guard }] })
class App {}

const app = await NestFactory.create(App, { logger: ['error'] });
await app.listen(process.env.PORT ?? 8080, '127.0.0.1');
console.log('listening');
