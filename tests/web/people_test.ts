import { testJourney } from "./journey.ts";

testJourney("first run, login, roles and people", "people.ts");
