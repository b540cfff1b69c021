// Answers of the real stack, taken by `npm run examples` (scripts/take-examples.ts): not written by hand.

/** By operation and status. */
export const EXAMPLES: Readonly<Record<string, Readonly<Record<number, unknown>>>> = {
  listSamples: {
    "200": {
      samples: [
        {
          name: "pumpkin",
          label: "jack-o'-lantern",
          url: "/page/pumpkin.2e5ae67f3ec4.jpg",
        },
        {
          name: "balloon",
          label: "balloon",
          url: "/page/balloon.20515cc146ff.jpg",
        },
        {
          name: "football",
          label: "soccer ball",
          url: "/page/football.66e32122a250.jpg",
        },
        {
          name: "clock",
          label: "analog clock",
          url: "/page/clock.8f13fb42a4cb.jpg",
        },
        {
          name: "traffic-light",
          label: "traffic light",
          url: "/page/traffic-light.21c241df399d.jpg",
        },
        {
          name: "candle",
          label: "candle",
          url: "/page/candle.98e19d4c0ab9.jpg",
        },
        {
          name: "tennis-ball",
          label: "tennis ball",
          url: "/page/tennis-ball.20ca87a41ca9.jpg",
        },
        {
          name: "umbrella",
          label: "umbrella",
          url: "/page/umbrella.ad1a1955164e.jpg",
        },
      ],
    },
  },
  isAlive: {
    "200": {
      status: "ok",
    },
  },
  isReady: {
    "200": {
      status: "ready",
    },
  },
  listModels: {
    "200": {
      models: [
        {
          id: "efficientnet_lite0",
          name: "EfficientNet-Lite0",
          version: "78c3304b0805",
          input: {
            width: 224,
            height: 224,
          },
          labels: 1000,
          languages: [],
          classifiers: 1,
        },
      ],
      unserved: [],
    },
  },
  createClassification: {
    "200": {
      id: "cls_01m7y4hp565te5n3416c0j3a9ffbtfb0tcwvaqkm1n",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T04:06:34.918Z",
      started_at: "2026-11-21T04:06:34.918Z",
      attempts: 0,
      cached: true,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 4955,
        sha256: "571b5db0819b1c68b45bd295232f52acfdcd78b567982e2d992ee3a9eaae0132",
        orientation: 1,
      },
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
          class_index: 607,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
          class_index: 619,
        },
        {
          label: "digital clock",
          probability: 0.0004956544144079089,
          class_index: 530,
        },
      ],
      finished_at: "2026-11-21T04:06:34.918Z",
      timings_ms: {
        queued: 0,
        total: 0,
      },
    },
    "202": {
      id: "cls_01m7y4hp7h6ecxdycvkzxddv15w31d9vz3gr2cecrq",
      status: "queued",
      done: false,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T04:06:34.993Z",
      attempts: 0,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 5408,
        sha256: "cfd5eca463395361072f1a625daff294dc23a7e9e882e73c71837a8ed6e9dc05",
        orientation: 1,
      },
      queue: {
        position: 0,
        eta_ms: 100,
        classifiers: 1,
      },
      poll_after_ms: 108,
    },
    "415": {
      type: "about:blank",
      title: "The body is not an image that can be read here",
      status: 415,
      code: "unsupported_image",
      detail: "Cannot read image: the body is not an image; send JPEG, PNG, WebP, AVIF, GIF or TIFF",
    },
    "422": {
      type: "about:blank",
      title: "No such model was ever served here",
      status: 422,
      code: "unknown_model",
      detail: 'Cannot classify: no model "nobody" was ever served here; there are efficientnet_lite0',
    },
  },
  readQueue: {
    "200": {
      depth: 0,
      bytes: 0,
      processing: 1,
      dead: 0,
      paused: false,
      classifiers: 1,
      models: [
        {
          id: "efficientnet_lite0",
          depth: 0,
          oldest_age_ms: null,
          classifiers: 1,
          per_second: 20,
          eta_ms: 100,
        },
      ],
      others: [],
    },
  },
  readClassification: {
    "200": {
      id: "cls_01m7y4hnmqpc75tz2jhy76vab3gfj8maaxn6e5ct48",
      status: "succeeded",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
        version: "78c3304b0805",
      },
      created_at: "2026-11-21T04:06:34.391Z",
      started_at: "2026-11-21T04:06:34.509Z",
      attempts: 1,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 4955,
        sha256: "571b5db0819b1c68b45bd295232f52acfdcd78b567982e2d992ee3a9eaae0132",
        orientation: 1,
      },
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
          class_index: 607,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
          class_index: 619,
        },
        {
          label: "digital clock",
          probability: 0.0004956544144079089,
          class_index: 530,
        },
      ],
      finished_at: "2026-11-21T04:06:34.840Z",
      timings_ms: {
        queued: 118,
        fetch: 52.7,
        decode: 28.6,
        infer: 214,
        total: 449,
      },
    },
    "404": {
      type: "about:blank",
      title: "There is nothing here",
      status: 404,
      code: "not_found",
      detail: "There is no such ticket, or it has expired",
    },
  },
  cancelClassification: {
    "200": {
      id: "cls_01m7y4hp7h6ecxdycvkzxddv15w31d9vz3gr2cecrq",
      status: "canceled",
      done: true,
      operation: "classify",
      model: {
        id: "efficientnet_lite0",
      },
      created_at: "2026-11-21T04:06:34.993Z",
      started_at: "2026-11-21T04:06:35.020Z",
      attempts: 1,
      image: {
        format: "jpeg",
        width: 256,
        height: 256,
        bytes: 5408,
        sha256: "cfd5eca463395361072f1a625daff294dc23a7e9e882e73c71837a8ed6e9dc05",
        orientation: 1,
      },
      finished_at: "2026-11-21T04:06:35.010Z",
      timings_ms: {
        queued: 27,
        total: 17,
      },
    },
    "409": {
      type: "about:blank",
      title: "The job has already finished",
      status: 409,
      code: "already_finished",
      detail: "Cannot cancel: the ticket has finished already, as succeeded",
    },
  },
  listDeliveries: {
    "200": {
      url: "https://hooks.invalid/claimcheck",
      deliveries: [
        {
          id: "msg_01m7y4hp7h6ecxdycvkzxddv15_1795233995010",
          type: "classification.canceled",
          state: "pending",
          created_at: "2026-11-21T04:06:35.010Z",
          next_attempt_at: "2026-11-21T04:06:40.142Z",
          attempts: [
            {
              at: "2026-11-21T04:06:35.048Z",
              duration_ms: 59,
              status: null,
              error: {
                code: "address_refused",
                message: "Cannot fetch https://hooks.invalid: its address is not public, and not in ALLOW_ADDRESSES",
              },
            },
          ],
        },
      ],
    },
  },
  resendDelivery: {
    "202": {
      url: "https://hooks.invalid/claimcheck",
      deliveries: [
        {
          id: "msg_01m7y4hp7h6ecxdycvkzxddv15_1795233995010",
          type: "classification.canceled",
          state: "pending",
          created_at: "2026-11-21T04:06:35.010Z",
          next_attempt_at: "2026-11-21T04:06:35.230Z",
          attempts: [
            {
              at: "2026-11-21T04:06:35.048Z",
              duration_ms: 59,
              status: null,
              error: {
                code: "address_refused",
                message: "Cannot fetch https://hooks.invalid: its address is not public, and not in ALLOW_ADDRESSES",
              },
            },
          ],
        },
      ],
    },
  },
  predict: {
    "200": {
      success: true,
      predictions: [
        {
          label: "jack-o'-lantern",
          probability: 0.9547299742698669,
        },
        {
          label: "lampshade",
          probability: 0.0006640411447733641,
        },
        {
          label: "digital clock",
          probability: 0.0004956544144079089,
        },
        {
          label: "balloon",
          probability: 0.0004811708931811154,
        },
        {
          label: "candle",
          probability: 0.00046604627277702093,
        },
      ],
    },
  },
}

/** Webhooks, by type. */
export const EVENT_EXAMPLES: Readonly<Record<string, unknown>> = {}
