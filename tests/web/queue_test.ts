import { testJourney } from "./journey.ts";

testJourney("queued requests, dead letters and the story of a request", "queue.ts");
